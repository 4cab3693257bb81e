// SPDX-License-Identifier: Apache-2.0
import type { Metric } from '../../common/prometheus.js';
import type { StatusView } from './statusView.js';

/** The agent's own metrics. */
export function agentMetrics(status: StatusView, residentBytes: number): readonly Metric[] {
  const gauge = (name: string, help: string, samples: Metric['samples']): Metric => ({ name: `kmesh_agent_${name}`, type: 'gauge', help, samples });
  const { phases, capabilities, daemon } = status;
  return [
    gauge('info', 'Version of the agent and release of the kernel; always 1.', [[{ version: status.version, release: status.node.release }, 1]]),
    gauge('uptime_seconds', 'Seconds since the start of the agent.', [[{}, status.uptimeSeconds]]),
    gauge('ready', '1 when connections are steered by a configuration of the mesh.', [[{}, Number(status.ready.ready)]]),
    gauge('stale', '1 when the configuration in force is that of an earlier daemon.', [[{}, Number(status.ready.stale)]]),
    gauge('phase_duration_seconds', 'How long each phase of the start took, by its outcome.', phases.flatMap(({ name, state, ms }) => (ms === undefined ? [] : [[{ phase: name, outcome: state }, ms / 1000] as const]))),
    gauge('capability', '1 when the node can do it.', capabilities.map(({ name, state }) => [{ name }, Number(state === 'on')] as const)),
    gauge('daemon_running', '1 when kmesh-daemon runs.', [[{}, Number(daemon.state === 'running' || daemon.state === 'starting')]]),
    { name: 'kmesh_agent_daemon_restarts_total', type: 'counter', help: 'How often kmesh-daemon was started again.', samples: [[{}, daemon.restarts]] },
    gauge('resident_memory_bytes', 'Memory of the agent itself.', [[{}, residentBytes]]),
  ];
}
