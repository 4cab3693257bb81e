// SPDX-License-Identifier: Apache-2.0
import type { Metric } from '../../common/prometheus.js';
import type { Image } from '../diff/plan.js';
import type { ServiceCounters } from '../maps/dataplane.js';

/** Services that had connections, those with the most first: so that a scrape does not grow with a mesh of thousands. */
const MOST_SERVICES = 1000;

interface Counted {
  readonly name: string;
  readonly id: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Counts of listeners and clusters that had a connection, by name; what is beyond MOST_SERVICES of each is told by its number. */
export function serviceMetrics({ listeners, outcomes: reasons, clusters, traffic }: ServiceCounters, image: Pick<Image, 'listeners' | 'clusters'>): Metric[] {
  const shownListeners = busiest(listeners, image.listeners);
  const shownClusters = busiest(clusters, image.clusters);
  return [
    outcomes('listener_connections', 'Connections to the addresses of a listener by what became of them: steered to an endpoint, passed on to the address, refused.', 'listener', shownListeners.shown),
    byLabel('listener_reasons', 'Connections to the addresses of a listener that were not simply steered, by the reason.', 'listener', 'reason', shownListeners.shown, reasons),
    outcomes('cluster_connections', 'Connections that came to a cluster by what became of them.', 'cluster', shownClusters.shown),
    { name: 'kmesh_cluster_active_connections', type: 'gauge', help: 'Sockets between connect() and close now.', samples: shownClusters.shown.map(({ name, counts }) => [{ cluster: name }, counts['active'] ?? 0] as const) },
    byLabel('cluster_bytes', 'Bytes of connections of a cluster that have ended, by direction: sent by clients, received by them.', 'cluster', 'direction', shownClusters.shown, traffic),
    { name: 'kmesh_services_not_shown', type: 'gauge', help: `Listeners and clusters with connections beyond the ${MOST_SERVICES} busiest.`, samples: [[{ kind: 'listener' }, shownListeners.left], [{ kind: 'cluster' }, shownClusters.left]] },
  ];
}

function busiest(counters: ReadonlyMap<number, object>, images: ReadonlyMap<string, { readonly id: number }>): { shown: Counted[]; left: number } {
  const counted = [...images].flatMap(([name, { id }]): Counted[] => {
    const counts = counters.get(id) as Counted['counts'] | undefined;
    return counts && sum(counts) > 0 ? [{ name, id, counts }] : [];
  });
  counted.sort((a, b) => sum(b.counts) - sum(a.counts) || (a.name < b.name ? -1 : 1));
  return { shown: counted.slice(0, MOST_SERVICES), left: Math.max(counted.length - MOST_SERVICES, 0) };
}

/** Of connections that ended or goes on; those that are active are among them. */
const sum = ({ active: _active, ...counts }: Counted['counts']): number => Object.values(counts).reduce((all, count) => all + count, 0);

function outcomes(name: string, help: string, label: string, counted: readonly Counted[]): Metric {
  const samples = counted.flatMap(({ name: value, counts }) => Object.entries(counts).flatMap(([outcome, count]) => (outcome === 'active' ? [] : [[{ [label]: value, outcome }, count] as const])));
  return { name: `kmesh_${name}_total`, type: 'counter', help, samples };
}

function byLabel(name: string, help: string, label: string, second: string, counted: readonly Counted[], counts: ReadonlyMap<number, object>): Metric {
  const samples = counted.flatMap(({ name: value, id }) => Object.entries(counts.get(id) ?? {}).map(([key, count]) => [{ [label]: value, [second]: key }, count as number] as const));
  return { name: `kmesh_${name}_total`, type: 'counter', help, samples };
}
