// SPDX-License-Identifier: Apache-2.0
import { expositionText, type Metric } from '../../common/prometheus.js';
import type { Applied } from '../applier.js';
import type { Totals } from '../maps/dataplane.js';
import type { Readiness } from '../readiness.js';
import type { XdsStatus } from '../xds/source.js';

export interface MetricsInputs {
  readonly totals: Totals;
  /** kmesh.ko's own counters; undefined: it is not loaded. */
  readonly module: Readonly<Record<string, number>> | undefined;
  readonly applied: Applied;
  readonly status: XdsStatus | undefined;
  readonly readiness: Readiness;
}

/** `/metrics`: totals of the node, none for each service, so that their number does not grow with the mesh. */
export function metricsText({ totals, module, applied, status, readiness }: MetricsInputs): string {
  const gauge = (name: string, help: string, value: number): Metric => ({ name: `kmesh_${name}`, type: 'gauge', help, samples: [[{}, value]] });
  const byLabel = (name: string, help: string, label: string, counts: Readonly<Record<string, number>>): Metric => ({
    name: `kmesh_${name}_total`,
    type: 'counter',
    help,
    samples: Object.entries(counts).map(([value, count]) => [{ [label]: value }, count] as const),
  });
  const { model, appliedAt } = applied;
  return expositionText([
    byLabel('connections', 'Connections by what became of them.', 'reason', totals.reasons),
    byLabel('requests', 'Requests that routes decided about, by what became of them.', 'outcome', totals.l7),
    ...(module === undefined ? [] : [moduleMetric(module)]),
    gauge('ready', '1 when programs are attached and a configuration is in force.', Number(readiness.ready)),
    gauge('stale', '1 when the configuration in force came from an earlier process.', Number(readiness.stale)),
    gauge('xds_connected', '1 when the control plane answers.', Number(status?.connected ?? false)),
    gauge('routing_by_requests', '1 when connections are routed by their requests.', Number(readiness.l7.state === 'on')),
    ...(status?.lastPushAt === undefined ? [] : [gauge('xds_last_push_timestamp_seconds', 'When the control plane sent something last, in seconds since 1970.', status.lastPushAt.getTime() / 1000)]),
    ...(appliedAt === undefined ? [] : [gauge('config_applied_timestamp_seconds', 'When a configuration was written to the maps last, in seconds since 1970.', appliedAt.getTime() / 1000)]),
    ...(appliedAt === undefined ? [] : [gauge('config_apply_duration_seconds', 'How long that took.', applied.durationMs / 1000)]),
    ...(model === undefined ? [] : [gauge('frontends', 'Service addresses that are steered.', model.frontends.size), gauge('clusters', 'Clusters of the configuration.', model.clusters.size)]),
    ...(model === undefined ? [] : [gauge('not_enforced', 'Parts of the configuration that this node does not enforce; /config_dump lists them.', model.notEnforced.length)]),
  ]);
}

/** Some of the module's numbers go down again, so none of them is called a counter. */
const moduleMetric = (counts: Readonly<Record<string, number>>): Metric => ({
  name: 'kmesh_module_count',
  type: 'gauge',
  help: "What kmesh.ko counts, by its own names (docs/l7.md); deferred and armed are those of now, the others all since it was loaded.",
  samples: Object.entries(counts).map(([name, count]) => [{ name }, count] as const),
});
