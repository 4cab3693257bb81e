// SPDX-License-Identifier: Apache-2.0
import { frontendKey } from '../model/types.js';
import { endpointsOf } from './clusters.js';
import { FIRST_ID } from './ids.js';
import type { NextIds } from './ids.js';
import type { ClusterImage, FrontendImage, Image, ListenerImage, Table } from './image.js';
import type { FrontendRecord, MapContents, Operation, SlotRecord, SplitRecord } from './operations.js';

const NOTHING: MapContents = {
  frontends: [],
  splits: [],
  clusters: [],
  slots: [],
  routes: [],
  domains: [],
  vhosts: [],
  steps: [],
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
  const frontends = adoptFrontends(contents, orphans);
  const listeners = countListeners(frontends.values());
  adoptNames(contents, listeners, clusters, orphans);
  const missing = adoptStates(contents, listeners, clusters, orphans);
  return { frontends, listeners, clusters, source: undefined, nextIds: nextIds(contents), missing, orphans };
}

/** The names of ids of one kind. A name that stands twice counts once: the other id is nameless. */
function namesById(contents: MapContents, kind: 'listener' | 'cluster'): (id: number) => string {
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

function adoptFrontends(contents: MapContents, orphans: Operation[]): Map<string, FrontendImage> {
  const nameOf = namesById(contents, 'listener');
  const splits = new Map<number, Map<number, SplitRecord>>();
  for (const { key, value } of contents.splits) {
    const slots = splits.get(key.splitId) ?? new Map<number, SplitRecord>();
    splits.set(key.splitId, slots.set(key.index, value));
  }
  const frontends = new Map<string, FrontendImage>();
  for (const { key, value } of contents.frontends) {
    const split = takeSplit(value, splits);
    frontends.set(frontendKey(key), { key, record: value, listener: nameOf(value.listenerId), split, source: undefined });
  }
  for (const [splitId, slots] of splits) {
    for (const index of slots.keys()) orphans.push({ op: 'delete', map: 'km_split', key: { splitId, index } });
  }
  return frontends;
}

/** The slots of a frontend's split, taken out of `splits`: what is left there has no owner. */
function takeSplit(record: FrontendRecord, splits: Map<number, Map<number, SplitRecord>>): Table<SplitRecord> {
  const slots = splits.get(record.target);
  if (record.kind !== 'split' || !slots || slots.size < record.n) return [];
  const split = Array.from({ length: record.n }, (_, index) => slots.get(index));
  for (let index = 0; index < record.n; index += 1) slots.delete(index);
  return split;
}

function countListeners(frontends: Iterable<FrontendImage>): Map<string, ListenerImage> {
  const listeners = new Map<string, ListenerImage>();
  for (const { listener, record } of frontends) {
    listeners.set(listener, { id: record.listenerId, frontends: (listeners.get(listener)?.frontends ?? 0) + 1 });
  }
  return listeners;
}

const idsOf = (images: Iterable<{ readonly id: number }>): Set<number> => new Set([...images].map(({ id }) => id));

function adoptNames(contents: MapContents, listeners: ReadonlyMap<string, ListenerImage>, clusters: ReadonlyMap<string, ClusterImage>, orphans: Operation[]): void {
  const live = { listener: idsOf(listeners.values()), cluster: idsOf(clusters.values()), routes: new Set<number>(), vhost: new Set<number>() };
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

/** One above the greatest id that is anywhere in the maps, also in entries that nothing leads to. */
function nextIds({ frontends, splits, clusters, slots, names, states }: MapContents): NextIds {
  const next = { listener: FIRST_ID, cluster: FIRST_ID, endpoint: FIRST_ID, split: FIRST_ID, routes: FIRST_ID, vhost: FIRST_ID, program: FIRST_ID };
  const seen = (kind: keyof NextIds, id: number): void => {
    next[kind] = Math.max(next[kind], id + 1);
  };
  for (const { value } of frontends) {
    seen('listener', value.listenerId);
    if (value.kind === 'cluster') seen('cluster', value.target);
    if (value.kind === 'split') seen('split', value.target);
  }
  for (const { key, value } of splits) {
    seen('split', key.splitId);
    seen('cluster', value.clusterId);
    seen('cluster', value.aliasClusterId);
  }
  for (const { id } of clusters) seen('cluster', id);
  for (const { key, value } of slots) {
    seen('cluster', key.clusterId);
    seen('endpoint', value.primary.endpointId);
    seen('endpoint', value.alias.endpointId);
  }
  for (const { key } of names) seen(key.kind, key.id);
  for (const id of states.listeners) seen('listener', id);
  for (const id of states.clusters) seen('cluster', id);
  for (const id of states.endpoints) seen('endpoint', id);
  return next;
}
