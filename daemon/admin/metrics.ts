// SPDX-License-Identifier: Apache-2.0
import { expositionText, type Metric } from '../../common/prometheus.js';
import { fillOf } from '../diff/fill.js';
import type { Image } from '../diff/plan.js';
import type { MapName } from '../diff/operations.js';
import type { Applied } from '../applied.js';
import type { Ejector } from '../outliers/ejector.js';
import type { PodsPage } from '../pods/management.js';
import type { ServiceCounters, Totals } from '../maps/dataplane.js';
import type { Readiness } from '../readiness.js';
import type { XdsStatus } from '../xds/source.js';
import { serviceMetrics } from './services.js';

export interface MetricsInputs {
  readonly totals: Totals;
  readonly services: ServiceCounters;
  /** The picture of the maps, and the entries that they take. */
  readonly image: Image;
  readonly capacities: Readonly<Record<MapName, number>>;
  /** kmesh.ko's own counters; undefined: it is not loaded. */
  readonly module: Readonly<Record<string, number>> | undefined;
  readonly applied: Applied;
  readonly ejector: Pick<Ejector, 'ejections' | 'count'>;
  readonly status: XdsStatus | undefined;
  readonly readiness: Readiness;
  readonly pods: PodsPage;
}

/** `/metrics`: totals of the node, what is known of the services that had connections here, and of the pods of the node. */
export function metricsText({ totals, services, image, capacities, module, applied, ejector, status, readiness, pods }: MetricsInputs): string {
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
    ...serviceMetrics(services, image),
    ...mapMetrics(image, capacities),
    ...(status === undefined ? [] : pushMetrics(status)),
    ...(module === undefined ? [] : [moduleMetric(module)]),
    ...podMetrics(pods),
    gauge('ejected_endpoints', 'Endpoints that outlier detection has taken out now.', [...ejector.ejections.values()].reduce((sum, { size }) => sum + size, 0)),
    { name: 'kmesh_ejections_total', type: 'counter', help: 'Times that outlier detection took an endpoint out, since this process began.', samples: [[{}, ejector.count]] },
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

/** How full the maps are: one that is full keeps what it has, and the configuration is not written any further. */
function mapMetrics(image: Image, capacities: MetricsInputs['capacities']): Metric[] {
  const fill = Object.entries(fillOf(image));
  return [
    { name: 'kmesh_map_entries', type: 'gauge', help: 'Entries of an eBPF map.', samples: fill.map(([map, entries]) => [{ map }, entries] as const) },
    { name: 'kmesh_map_max_entries', type: 'gauge', help: 'Entries that the map takes; set by the --max options when the maps are made.', samples: fill.map(([map]) => [{ map }, capacities[map as MapName]] as const) },
  ];
}

function pushMetrics({ counts }: XdsStatus): Metric[] {
  const of = (name: 'pushes' | 'rejects', help: string): Metric => ({ name: `kmesh_xds_${name}_total`, type: 'counter', help, samples: Object.entries(counts).map(([type, count]) => [{ type }, count[name]] as const) });
  return [of('pushes', 'Answers that the control plane sent, or times that files were read, by type of resource.'), of('rejects', 'Those of them that were rejected in whole or in part.')];
}

/** Some of the module's numbers go down again, so none of them is called a counter. */
const moduleMetric = (counts: Readonly<Record<string, number>>): Metric => ({
  name: 'kmesh_module_count',
  type: 'gauge',
  help: "What kmesh.ko counts, by its own names (docs/l7.md); deferred and armed are those of now, the others all since it was loaded.",
  samples: Object.entries(counts).map(([name, count]) => [{ name }, count] as const),
});

function podMetrics(pods: PodsPage): Metric[] {
  if ('off' in pods) return [];
  const labels = (namespace: string, pod: string): Record<string, string> => ({ namespace, pod });
  return [
    {
      name: 'kmesh_pod_in_mesh',
      type: 'gauge',
      help: '1 when the connections of the pod are steered, 0 when not, with the rule by which it is so.',
      samples: pods.pods.map(({ namespace, name, rule, enrolled }) => [{ ...labels(namespace, name), rule }, Number(enrolled)] as const),
    },
    {
      name: 'kmesh_pod_connections_total',
      type: 'counter',
      help: 'Connections of the pods in the mesh by what became of them, since each is in it.',
      samples: pods.pods.flatMap(({ namespace, name, connections }) => Object.entries(connections ?? {}).map(([outcome, count]) => [{ ...labels(namespace, name), outcome }, count] as const)),
    },
    { name: 'kmesh_pods_synced', type: 'gauge', help: '1 when the API server has told all pods of the node to this process.', samples: [[{}, Number(pods.synced)]] },
    { name: 'kmesh_pod_troubles', type: 'gauge', help: 'What stands in the way of managing pods now; /pods says what.', samples: [[{}, pods.troubles.length]] },
  ];
}
