// SPDX-License-Identifier: Apache-2.0
import type { Metric } from '../../common/prometheus.js';
import type { StatusView } from './statusView.js';
import { DAEMON_STATES, RESTART_CAUSE_NAMES, TRANSITION_NAMES } from './transitions.js';

/** The agent's own metrics. */
export function agentMetrics(status: StatusView, residentBytes: number): readonly Metric[] {
  const gauge = (name: string, help: string, samples: Metric['samples']): Metric => ({ name: `kmesh_agent_${name}`, type: 'gauge', help, samples });
  const counter = (name: string, help: string, samples: Metric['samples']): Metric => ({ name: `kmesh_agent_${name}`, type: 'counter', help, samples });
  const { phases, capabilities, daemon } = status;
  return [
    gauge('info', 'Version of the agent and release of the kernel; always 1.', [[{ version: status.version, release: status.node.release }, 1]]),
    gauge('uptime_seconds', 'Seconds since the start of the agent.', [[{}, status.uptimeSeconds]]),
    gauge('ready', '1 when connections are steered by a configuration of the mesh.', [[{}, Number(status.ready.ready)]]),
    gauge('stale', '1 when the configuration in force is that of an earlier daemon.', [[{}, Number(status.ready.stale)]]),
    gauge('phase_duration_seconds', 'How long each phase of the start took, by its outcome.', phases.flatMap(({ name, state, ms }) => (ms === undefined ? [] : [[{ phase: name, outcome: state }, ms / 1000] as const]))),
    gauge('capability', '1 when the node can do it.', capabilities.map(({ name, state }) => [{ name }, Number(state === 'on')] as const)),
    gauge('daemon_running', '1 when a process of kmesh-daemon runs.', [[{}, Number(daemon.pid !== undefined)]]),
    gauge('daemon_state', '1 for the state that kmesh-daemon is in, 0 for all others.', DAEMON_STATES.map((state) => [{ state }, Number(daemon.state === state)] as const)),
    gauge('daemon_crash_loop', '1 when kmesh-daemon failed too often in a row; the node is not ready then.', [[{}, Number(daemon.crashLoop !== undefined)]]),
    gauge('daemon_failures_in_a_row', 'Failures of kmesh-daemon without a healthy time between them.', [[{}, daemon.failuresInARow]]),
    counter('daemon_transitions_total', 'What happened to kmesh-daemon, by transition (docs/supervision.md).', TRANSITION_NAMES.map((transition) => [{ transition }, daemon.transitions[transition]] as const)),
    counter('daemon_restarts_total', 'How often kmesh-daemon was started again, by the cause (docs/supervision.md).', RESTART_CAUSE_NAMES.map((cause) => [{ cause }, daemon.restartsByCause[cause]] as const)),
    gauge('resident_memory_bytes', 'Memory of the agent itself.', [[{}, residentBytes]]),
  ];
}
