// SPDX-License-Identifier: Apache-2.0
import type { Applied } from '../applied.js';
import type { MapContents, TargetRecord } from '../diff/operations.js';
import { reasonName, type Counters, type L7State, type ModuleView } from '../maps/dataplane.js';
import type { Cluster, Endpoint, Frontend, MeshModel, NotEnforced, Target } from '../model/types.js';
import type { XdsStatus } from '../xds/source.js';
import { sharesOf } from '../explain/shares.js';
import type { Ejections } from '../model/outliers.js';
import type { Resources } from '../model/resources.js';
import { routeTableView, storedTablesView } from './routeViews.js';
import { at, targetText } from './texts.js';

function targetView(target: Target): unknown {
  if (target.kind === 'cluster') return { cluster: target.cluster };
  if (target.kind === 'split') return { split: target.clusters.map(({ cluster, weight }) => ({ cluster, weight })) };
  return { [target.kind]: target.reason };
}

/** struct km_cluster: any number. */
const NO_LIMIT = 0xffffffff;

const endpointView = (e: Endpoint): unknown => ({ address: at(e), weight: e.weight });

function clusterView(cluster: Cluster, ejected: ReadonlySet<string> | undefined): unknown {
  if (cluster.kind !== 'endpoints') return { name: cluster.name, [cluster.kind]: cluster.reason };
  const endpoints = [...cluster.ipv4, ...cluster.ipv6].map(endpointView);
  return {
    name: cluster.name,
    policy: cluster.lb,
    ...(cluster.maxConnections === undefined ? {} : { maxConnections: cluster.maxConnections }),
    ...(cluster.panic ? { panic: true } : {}),
    ...(endpoints.length > 0 ? { endpoints } : { refuse: cluster.empty }),
    ...(ejected ? { ejected: [...ejected].sort() } : {}),
  };
}

const frontendView = (f: Frontend): unknown => ({
  address: at(f),
  prefixLength: f.prefixLength,
  listener: f.listener,
  ...(targetView(f.target) as object),
  ...(f.routes === undefined ? {} : { routes: f.routes }),
});

const sorted = <T>(items: Iterable<readonly [string, T]>): T[] => [...items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);

/** `/config_dump`: where the configuration came from, what it means on this node, whether requests are routed, what of it is not enforced. Sorted, so that two dumps can be compared. */
export function configDump(applied: Applied, ejections: Ejections, status: XdsStatus | undefined, l7: L7State): unknown {
  const model: MeshModel | undefined = applied.model;
  return {
    source: status,
    applied: { at: applied.appliedAt, stale: applied.stale, ...(applied.error ? { error: applied.error.message } : {}) },
    routingByRequests: l7,
    resources: applied.resources && model ? resourcesView(applied.resources, model) : {},
    frontends: model ? sorted(model.frontends).map(frontendView) : [],
    clusters: model ? sorted(model.clusters).map((cluster) => clusterView(cluster, ejections.get(cluster.name))) : [],
    routeTables: model ? sorted(model.routeTables).map((table) => routeTableView(table, ({ target }) => targetText(target))) : [],
    notEnforced: model ? sorted(model.notEnforced.map((item) => [[item.resourceType, item.resource, item.path, item.feature].join('\0'), item] as const)) : [],
  };
}

/** What came, by type and name; with what of it is not enforced. */
function resourcesView(resources: Resources, { notEnforced }: MeshModel): unknown {
  const features = new Map<string, Set<string>>();
  for (const { resourceType, resource, feature } of notEnforced) {
    const key = `${resourceType} ${resource}`;
    features.set(key, (features.get(key) ?? new Set()).add(feature));
  }
  const view = (type: NotEnforced['resourceType'], names: Iterable<string>): unknown[] =>
    [...names].sort().map((name) => {
      const missing = features.get(`${type} ${name}`);
      return missing ? { name, notEnforced: [...missing].sort() } : { name };
    });
  const { listeners, routes, clusters, endpoints } = resources;
  return { listeners: view('listener', listeners.keys()), routes: view('route', routes.keys()), clusters: view('cluster', clusters.keys()), endpoints: view('endpoints', endpoints.keys()) };
}

/** `/bpf/kmesh/maps`: what the kernel's maps hold and the programs counted, ids turned into names where they are known. */
export function mapsView(contents: MapContents, counters: Counters, module: ModuleView | undefined): unknown {
  const names = new Map(contents.names.map(({ key, name }) => [`${key.kind} ${key.id}`, name]));
  const listener = (id: number): string => names.get(`listener ${id}`) ?? `#${id}`;
  const cluster = (id: number): string => (id === 0 ? 'unknown' : (names.get(`cluster ${id}`) ?? `#${id}`));
  const arms = armsOf(contents, cluster);
  const target = ({ kind, target: id, n, reason }: TargetRecord): string => {
    if (kind === 'cluster') return `to ${cluster(id)}`;
    return kind === 'split' ? `to ${arms(id, n).map(({ cluster: name, percent }) => `${percent} % ${name}`).join(', ')}` : `${kind} (${reasonName(reason) ?? reason})`;
  };
  return {
    frontends: contents.frontends.map(({ key, value }) => ({
      address: at(key),
      prefixLength: key.prefixLength,
      listener: listener(value.listenerId),
      kind: value.kind,
      ...(value.kind === 'cluster' ? { cluster: cluster(value.target) } : {}),
      ...(value.kind === 'split' ? { clusters: arms(value.target, value.n) } : {}),
      ...(value.kind === 'pass' || value.kind === 'refuse' ? { reason: reasonName(value.reason) ?? value.reason } : {}),
      ...(value.routes === 0 ? {} : { routes: names.get(`routes ${value.routes}`) ?? `#${value.routes}` }),
    })),
    routeTables: storedTablesView(contents, (kind, id) => names.get(`${kind} ${id}`) ?? `#${id}`, target),
    clusters: contents.clusters.map(({ id, value: { maxConnections, reason, ...value } }) => ({
      name: cluster(id),
      ...value,
      maxConnections: maxConnections === NO_LIMIT ? 'no limit' : maxConnections,
      ...(reason === 0 ? {} : { reason: reasonName(reason) ?? reason }),
    })),
    slots: contents.slots.map(({ key, value }) => ({
      cluster: cluster(key.clusterId),
      family: key.family,
      slot: key.index,
      endpoint: at(value.primary),
      alias: at(value.alias),
      threshold: value.threshold,
    })),
    counters: countersView(contents, counters, listener, cluster),
    module: module ?? 'not loaded',
  };
}

type NameOf = (id: number) => string;

/** The clusters of a split with their parts of the connections. */
function armsOf({ splits }: MapContents, cluster: NameOf): (split: number, n: number) => readonly { readonly cluster: string; readonly percent: number }[] {
  const bySplit = new Map<number, MapContents['splits'][number][]>();
  for (const slot of splits) {
    const known = bySplit.get(slot.key.splitId);
    if (known) known.push(slot);
    else bySplit.set(slot.key.splitId, [slot]);
  }
  return (split, n) => {
    const slots = (bySplit.get(split) ?? []).filter(({ key }) => key.index < n).map(({ value }) => ({ primary: value.clusterId, alias: value.aliasClusterId, threshold: value.threshold }));
    return sharesOf(slots, (id) => id).map(({ item, share }) => ({ cluster: cluster(item), percent: Math.round(share * 1000) / 10 }));
  };
}

function countersView(contents: MapContents, counters: Counters, listener: NameOf, cluster: NameOf): unknown {
  const endpoints = new Map(contents.slots.flatMap(({ key, value }) => [value.primary, value.alias].map((e) => [e.endpointId, { cluster: cluster(key.clusterId), endpoint: at(e) }] as const)));
  return {
    reasons: counters.reasons,
    requests: counters.l7,
    listeners: [...counters.listeners].map(([id, counts]) => ({ listener: listener(id), ...counts, reasons: counters.outcomes.get(id) ?? {} })),
    clusters: [...counters.clusters].map(([id, counts]) => ({ cluster: cluster(id), ...counts, bytes: counters.traffic.get(id) ?? { sent: 0, received: 0 } })),
    endpoints: [...counters.endpoints].map(([id, counts]) => ({ ...(endpoints.get(id) ?? { endpoint: `#${id}` }), ...counts })),
  };
}
