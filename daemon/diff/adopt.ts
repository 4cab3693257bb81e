// SPDX-License-Identifier: Apache-2.0
import { ShardedMap } from '../model/shardedMap.js';
import { frontendKey } from '../model/types.js';
import { adoptAutomata } from './adoptAutomata.js';
import { adoptRouteTables, type TakeSplit } from './adoptRoutes.js';
import { endpointsOf } from './clusters.js';
import type { ClusterImage, FrontendImage, Image, ListenerImage, RouteTableImage, Table } from './image.js';
import type { NamedIds } from './ids.js';
import { nextIds } from './nextIds.js';
import type { MapContents, NameKey, Operation, SlotRecord, SplitRecord } from './operations.js';

const NOTHING: MapContents = {
  frontends: [],
  splits: [],
  clusters: [],
  slots: [],
  routes: [],
  domains: [],
  vhosts: [],
  steps: [],
  automata: [],
  names: [],
  states: { listeners: [], clusters: [], endpoints: [] },
};

/** No table is longer: an index beyond is not one of ours, and no array should grow to it. */
const MOST_SLOTS = 2 ** 20;

/**
 * The picture of maps that an earlier process filled; of empty maps without `contents`. What an unclean stop
 * left is found here: counters that are missing, entries that nothing leads to.
 */
export function createImage(contents: MapContents = NOTHING): Image {
  const orphans: Operation[] = [];
  const clusters = adoptClusters(contents, orphans);
  const splits = new Splits(contents);
  const frontends = adoptFrontends(contents, splits.take);
  const listeners = countListeners(frontends.values());
  const routeTables = adoptRouteTables(contents, namesOfRoutes(contents), splits.take, orphans);
  splits.addLeft(orphans);
  const automata = adoptAutomata(contents, routeTables, orphans);
  adoptNames(contents, { listener: listeners, cluster: clusters, routes: routeTables, vhost: vhostsOf(routeTables) }, orphans);
  const missing = adoptStates(contents, listeners, clusters, orphans);
  const namedIds = { listener: unusedNames(contents, 'listener', idsOf(listeners.values())), cluster: unusedNames(contents, 'cluster', usedClusters(contents)) };
  return { frontends, listeners, clusters: ShardedMap.empty<ClusterImage>().with(clusters, []), routeTables, automata, sources: { frontends: undefined, clusters: undefined }, nextIds: nextIds(contents), namedIds, missing, orphans };
}

/** Names of a kind whose ids nothing but counters has. Of a name that stands twice the first id counts. */
function unusedNames(contents: MapContents, kind: keyof NamedIds, used: ReadonlySet<number>): ReadonlyMap<string, number> {
  const unused = new Map<string, number>();
  for (const { key, name } of contents.names) if (key.kind === kind && !used.has(key.id) && !unused.has(name)) unused.set(name, key.id);
  return unused;
}

/** An id with slots of a cluster that is not there any more is not for another one: those slots go. */
const usedClusters = ({ clusters, slots }: MapContents): Set<number> => new Set([...clusters.map(({ id }) => id), ...slots.map(({ key }) => key.clusterId)]);

/** The names of ids of one kind. A name that stands twice counts once: the other id is nameless. */
function namesById(contents: MapContents, kind: NameKey['kind']): (id: number) => string {
  const idByName = new Map<string, number>();
  for (const { key, name } of contents.names) if (key.kind === kind && !idByName.has(name)) idByName.set(name, key.id);
  const nameById = new Map([...idByName].map(([name, id]) => [id, name]));
  // No stored name holds a NUL, so that a nameless id is never taken for a resource and is swept like one that is gone.
  return (id) => nameById.get(id) ?? `\0${id}`;
}

function adoptClusters(contents: MapContents, orphans: Operation[]): Map<string, ClusterImage> {
  const nameOf = namesById(contents, 'cluster');
  const records = new Map(contents.clusters.map(({ id, value }) => [id, value]));
  const slots = new Map([...records.keys()].map((id) => [id, { 4: new Map<number, SlotRecord>(), 6: new Map<number, SlotRecord>() }]));
  for (const { key, value } of contents.slots) {
    const tables = slots.get(key.clusterId);
    if (tables && key.index < MOST_SLOTS) tables[key.family].set(key.index, value);
    else orphans.push({ op: 'delete', map: 'km_slot', key });
  }
  const clusters = new Map<string, ClusterImage>();
  for (const [id, record] of records) {
    const tables = slots.get(id)!;
    clusters.set(nameOf(id), { id, record, slots4: table(tables[4]), slots6: table(tables[6]), source: undefined });
  }
  return clusters;
}

function table<T>(entries: ReadonlyMap<number, T>): Table<T> {
  let length = 0;
  for (const index of entries.keys()) length = Math.max(length, index + 1);
  return Array.from({ length }, (_, index) => entries.get(index));
}

function namesOfRoutes(contents: MapContents): (kind: 'routes' | 'vhost', id: number) => string {
  const names = { routes: namesById(contents, 'routes'), vhost: namesById(contents, 'vhost') };
  return (kind, id) => names[kind](id);
}

const vhostsOf = (tables: ReadonlyMap<string, RouteTableImage>): Map<number, { readonly id: number }> =>
  new Map([...tables.values()].flatMap(({ vhosts }) => [...vhosts.values()].map((vhost) => [vhost.id, vhost])));

function adoptFrontends(contents: MapContents, takeSplit: TakeSplit): Map<string, FrontendImage> {
  const nameOf = namesById(contents, 'listener');
  const frontends = new Map<string, FrontendImage>();
  for (const { key, value } of contents.frontends) {
    const split = value.kind === 'split' ? takeSplit(value.target, value.n) : [];
    frontends.set(frontendKey(key), { key, record: value, listener: nameOf(value.listenerId), split, source: undefined });
  }
  return frontends;
}

/** The slots of all splits. What nobody takes has no owner. */
class Splits {
  readonly #left = new Map<number, Map<number, SplitRecord>>();

  constructor(contents: MapContents) {
    for (const { key, value } of contents.splits) {
      const slots = this.#left.get(key.splitId) ?? new Map<number, SplitRecord>();
      this.#left.set(key.splitId, slots.set(key.index, value));
    }
  }

  readonly take: TakeSplit = (id, n) => {
    const slots = this.#left.get(id);
    if (!slots || slots.size < n) return [];
    const split = Array.from({ length: n }, (_, index) => slots.get(index));
    for (let index = 0; index < n; index += 1) slots.delete(index);
    return split;
  };

  addLeft(orphans: Operation[]): void {
    for (const [splitId, slots] of this.#left) for (const index of slots.keys()) orphans.push({ op: 'delete', map: 'km_split', key: { splitId, index } });
  }
}

function countListeners(frontends: Iterable<FrontendImage>): Map<string, ListenerImage> {
  const listeners = new Map<string, ListenerImage>();
  for (const { listener, record } of frontends) {
    listeners.set(listener, { id: record.listenerId, frontends: (listeners.get(listener)?.frontends ?? 0) + 1 });
  }
  return listeners;
}

const idsOf = (images: Iterable<{ readonly id: number }>): Set<number> => new Set([...images].map(({ id }) => id));

function adoptNames(contents: MapContents, images: Readonly<Record<NameKey['kind'], ReadonlyMap<unknown, { readonly id: number }>>>, orphans: Operation[]): void {
  const live = { listener: idsOf(images.listener.values()), cluster: idsOf(images.cluster.values()), routes: idsOf(images.routes.values()), vhost: idsOf(images.vhost.values()) };
  for (const { key } of contents.names) if (!live[key.kind].has(key.id)) orphans.push({ op: 'delete', map: 'km_name', key });
}

function adoptStates(
  contents: MapContents,
  listeners: ReadonlyMap<string, ListenerImage>,
  clusters: ReadonlyMap<string, ClusterImage>,
  orphans: Operation[],
): Operation[] {
  const missing: Operation[] = [];
  const compare = (map: 'km_listener_state' | 'km_cluster_state' | 'km_endpoint_state', present: readonly number[], live: ReadonlySet<number>): void => {
    const there = new Set(present);
    for (const id of live) if (!there.has(id)) missing.push({ op: 'put', map, key: id, value: null });
    for (const id of there) if (!live.has(id)) orphans.push({ op: 'delete', map, key: id });
  };
  const endpoints = [...clusters.values()].flatMap((cluster) => [...endpointsOf(cluster).values()].map((endpoint) => endpoint.endpointId));
  compare('km_listener_state', contents.states.listeners, idsOf(listeners.values()));
  compare('km_cluster_state', contents.states.clusters, idsOf(clusters.values()));
  compare('km_endpoint_state', contents.states.endpoints, new Set(endpoints));
  return missing;
}
