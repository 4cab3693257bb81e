// SPDX-License-Identifier: Apache-2.0
import type { Applied } from '../applier.js';
import type { MapContents, TargetRecord } from '../diff/operations.js';
import { reasonName, type Counters, type L7State, type ModuleView } from '../maps/dataplane.js';
import type { Cluster, Endpoint, Frontend, MeshModel, Target } from '../model/types.js';
import type { XdsStatus } from '../xds/source.js';
import { routeTableView, storedTablesView } from './routeViews.js';

const at = (e: { address: string; port: number }): string => (e.address.includes(':') ? `[${e.address}]:${e.port}` : `${e.address}:${e.port}`);

function targetView(target: Target): unknown {
  if (target.kind === 'cluster') return { cluster: target.cluster };
  if (target.kind === 'split') return { split: target.clusters.map(({ cluster, weight }) => ({ cluster, weight })) };
  return { [target.kind]: target.reason };
}

const endpointView = (e: Endpoint): unknown => ({ address: at(e), weight: e.weight });

function clusterView(cluster: Cluster): unknown {
  if (cluster.kind !== 'endpoints') return { name: cluster.name, [cluster.kind]: cluster.reason };
  const endpoints = [...cluster.ipv4, ...cluster.ipv6].map(endpointView);
  return {
    name: cluster.name,
    policy: cluster.lb,
    ...(cluster.maxConnections === undefined ? {} : { maxConnections: cluster.maxConnections }),
    ...(cluster.panic ? { panic: true } : {}),
    ...(endpoints.length > 0 ? { endpoints } : { refuse: cluster.empty }),
  };
}

const frontendView = (f: Frontend): unknown => ({
  address: at(f),
  prefixLength: f.prefixLength,
  listener: f.listener,
  ...(targetView(f.target) as object),
  ...(f.routes === undefined ? {} : { routes: f.routes }),
});

function targetText(target: Target): string {
  if (target.kind === 'cluster') return `to ${target.cluster}`;
  if (target.kind === 'split') return `to ${target.clusters.map(({ cluster, weight }) => `${weight} x ${cluster}`).join(', ')}`;
  return `${target.kind} (${target.reason})`;
}

const sorted = <T>(items: Iterable<readonly [string, T]>): T[] => [...items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);

/** `/config_dump`: where the configuration came from, what it means on this node, whether requests are routed, what of it is not enforced. Sorted, so that two dumps can be compared. */
export function configDump(applied: Applied, status: XdsStatus | undefined, l7: L7State): unknown {
  const model: MeshModel | undefined = applied.model;
  return {
    source: status,
    applied: { at: applied.appliedAt, stale: applied.stale, ...(applied.error ? { error: applied.error.message } : {}) },
    routingByRequests: l7,
    frontends: model ? sorted(model.frontends).map(frontendView) : [],
    clusters: model ? sorted(model.clusters).map(clusterView) : [],
    routeTables: model ? sorted(model.routeTables).map((table) => routeTableView(table, ({ target }) => targetText(target))) : [],
    notEnforced: model?.notEnforced ?? [],
  };
}

/** `/bpf/kmesh/maps`: what the kernel's maps hold and the programs counted, ids turned into names where they are known. */
export function mapsView(contents: MapContents, counters: Counters, module: ModuleView | undefined): unknown {
  const names = new Map(contents.names.map(({ key, name }) => [`${key.kind} ${key.id}`, name]));
  const listener = (id: number): string => names.get(`listener ${id}`) ?? `#${id}`;
  const cluster = (id: number): string => (id === 0 ? 'unknown' : (names.get(`cluster ${id}`) ?? `#${id}`));
  const target = ({ kind, target: id, n, reason }: TargetRecord): string => {
    if (kind === 'cluster') return `to ${cluster(id)}`;
    return kind === 'split' ? `to split ${id} of ${n} slots` : `${kind} (${reasonName(reason) ?? reason})`;
  };
  return {
    frontends: contents.frontends.map(({ key, value }) => ({
      address: at(key),
      prefixLength: key.prefixLength,
      listener: listener(value.listenerId),
      kind: value.kind,
      ...(value.kind === 'cluster' ? { cluster: cluster(value.target) } : {}),
      ...(value.kind === 'split' ? { split: value.target, slots: value.n } : {}),
      ...(value.kind === 'pass' || value.kind === 'refuse' ? { reason: reasonName(value.reason) ?? value.reason } : {}),
      ...(value.routes === 0 ? {} : { routes: names.get(`routes ${value.routes}`) ?? `#${value.routes}` }),
    })),
    routeTables: storedTablesView(contents, (kind, id) => names.get(`${kind} ${id}`) ?? `#${id}`, target),
    splits: contents.splits.map(({ key, value }) => ({ split: key.splitId, slot: key.index, cluster: cluster(value.clusterId), alias: cluster(value.aliasClusterId), threshold: value.threshold })),
    clusters: contents.clusters.map(({ id, value }) => ({ id, name: cluster(id), ...value, reason: reasonName(value.reason) ?? value.reason })),
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

function countersView(contents: MapContents, counters: Counters, listener: NameOf, cluster: NameOf): unknown {
  const endpoints = new Map(contents.slots.flatMap(({ key, value }) => [value.primary, value.alias].map((e) => [e.endpointId, { cluster: cluster(key.clusterId), endpoint: at(e) }] as const)));
  return {
    reasons: counters.reasons,
    requests: counters.l7,
    listeners: [...counters.listeners].map(([id, counts]) => ({ listener: listener(id), ...counts })),
    clusters: [...counters.clusters].map(([id, counts]) => ({ cluster: cluster(id), ...counts })),
    endpoints: [...counters.endpoints].map(([id, counts]) => ({ ...(endpoints.get(id) ?? { endpoint: `#${id}` }), ...counts })),
  };
}
