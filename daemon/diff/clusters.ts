// SPDX-License-Identifier: Apache-2.0
import type { Cluster, Endpoint, Family } from '../model/types.js';
import { aliasTable, ALWAYS } from './alias.js';
import type { IdAllocator } from './ids.js';
import type { ClusterImage, Table } from './image.js';
import { maglevTable } from './maglev.js';
import type { ClusterRecord, EndpointRecord, SlotRecord } from './operations.js';
import { assignPlaces } from './places.js';
import { REASON_NUMBER } from './reasons.js';
import type { Schedule } from './schedule.js';

/** max_connections without a limit (struct km_cluster). */
const NO_LIMIT = 0xffffffff;

/**
 * Plans the change of one cluster, or its creation when `before` is undefined. Slots are rewritten in place, so
 * that the table is whole after each single operation: a table that grows is announced by the cluster record
 * after its new slots, one that shrinks before its old ones go.
 */
export function planCluster(schedule: Schedule, ids: IdAllocator, before: ClusterImage | undefined, cluster: Cluster, name: string): ClusterImage {
  const id = before?.id ?? ids.takeFor('cluster', name);
  if (!before) {
    schedule.name({ kind: 'cluster', id }, name);
    schedule.state('km_cluster_state', id);
  }
  const known = endpointsOf(before);
  const hashed = cluster.kind === 'endpoints' && cluster.lb === 'source_hash';
  const slots4 = planTable(schedule, ids, { id, family: 4, hashed }, before?.slots4 ?? [], cluster.kind === 'endpoints' ? cluster.ipv4 : [], known);
  const slots6 = planTable(schedule, ids, { id, family: 6, hashed }, before?.slots6 ?? [], cluster.kind === 'endpoints' ? cluster.ipv6 : [], known);
  const record = clusterRecord(cluster, slots4.length, slots6.length);
  planRecord(schedule, id, before?.record, record);
  const after = { id, record, slots4, slots6, source: cluster };
  const kept = endpointsOf(after);
  for (const [key, endpoint] of known) if (!kept.has(key)) schedule.removeState('km_endpoint_state', endpoint.endpointId);
  return after;
}

/** Plans the removal of a cluster that no frontend leads to any more. */
export function planClusterRemoval(schedule: Schedule, before: ClusterImage): void {
  const { id } = before;
  schedule.removeCluster(id);
  for (const family of [4, 6] as const) {
    const slots = family === 4 ? before.slots4 : before.slots6;
    slots.forEach((slot, index) => slot && schedule.removeSlot({ clusterId: id, family, index }));
  }
  for (const endpoint of endpointsOf(before).values()) schedule.removeState('km_endpoint_state', endpoint.endpointId);
  schedule.removeState('km_cluster_state', id);
  schedule.removeName({ kind: 'cluster', id });
}

/** The endpoints that a cluster's slots name, by address and port. */
export function endpointsOf(cluster: Pick<ClusterImage, 'slots4' | 'slots6'> | undefined): Map<string, EndpointRecord> {
  const endpoints = new Map<string, EndpointRecord>();
  for (const slots of cluster ? [cluster.slots4, cluster.slots6] : []) {
    for (const slot of slots) {
      if (!slot) continue;
      endpoints.set(endpointKey(slot.primary), slot.primary);
      if (!endpoints.has(endpointKey(slot.alias))) endpoints.set(endpointKey(slot.alias), slot.alias);
    }
  }
  return endpoints;
}

const endpointKey = (endpoint: { readonly address: string; readonly port: number }): string => `${endpoint.address} ${endpoint.port}`;

function planTable(
  schedule: Schedule,
  ids: IdAllocator,
  table: { readonly id: number; readonly family: Family; readonly hashed: boolean },
  before: Table<SlotRecord>,
  endpoints: readonly Endpoint[],
  known: ReadonlyMap<string, EndpointRecord>,
): SlotRecord[] {
  const byKey = new Map(endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const record = (key: string): EndpointRecord => known.get(key) ?? newEndpoint(schedule, ids, byKey.get(key)!);
  const after = table.hashed ? hashedSlots(byKey, record) : drawnSlots(before, byKey, record);
  for (const [index, slot] of after.entries()) {
    if (!sameSlot(before[index], slot)) schedule.slot({ clusterId: table.id, family: table.family, index }, slot);
  }
  for (let index = after.length; index < before.length; index += 1) {
    if (before[index]) schedule.removeSlot({ clusterId: table.id, family: table.family, index });
  }
  return after;
}

type EndpointsByKey = ReadonlyMap<string, Endpoint>;

function drawnSlots(before: Table<SlotRecord>, byKey: EndpointsByKey, record: (key: string) => EndpointRecord): SlotRecord[] {
  const places = assignPlaces(before.map((slot) => slot && endpointKey(slot.primary)), [...byKey.keys()]);
  const records = places.map(record);
  const alias = aliasTable(places.map((key) => byKey.get(key)!.weight));
  return records.map((primary, i) => ({ primary, alias: records[alias[i]!.alias]!, threshold: alias[i]!.threshold }));
}

/** A table over hashes: each slot is one endpoint's. */
function hashedSlots(byKey: EndpointsByKey, record: (key: string) => EndpointRecord): SlotRecord[] {
  const keys = [...byKey.keys()];
  const slots = keys.map(record).map((endpoint) => ({ primary: endpoint, alias: endpoint, threshold: ALWAYS }));
  return Array.from(maglevTable(keys, keys.map((key) => byKey.get(key)!.weight)), (item) => slots[item]!);
}

function newEndpoint(schedule: Schedule, ids: IdAllocator, { address, port }: Endpoint): EndpointRecord {
  const endpointId = ids.take('endpoint');
  schedule.state('km_endpoint_state', endpointId);
  return { address, port, endpointId };
}

function clusterRecord(cluster: Cluster, slots4: number, slots6: number): ClusterRecord {
  if (cluster.kind !== 'endpoints') return { slots4, slots6, maxConnections: NO_LIMIT, kind: cluster.kind, lb: 'round_robin', reason: REASON_NUMBER[cluster.reason], panic: false };
  return {
    slots4,
    slots6,
    kind: 'endpoints',
    maxConnections: cluster.maxConnections ?? NO_LIMIT,
    lb: cluster.lb,
    reason: slots4 + slots6 === 0 ? REASON_NUMBER[cluster.empty] : 0,
    panic: cluster.panic,
  };
}

/**
 * A cluster that begins to refuse does so at the end of the plan, and what it gains it has at once: frontends that
 * leave it and frontends that come to it are served meanwhile.
 */
function planRecord(schedule: Schedule, id: number, before: ClusterRecord | undefined, after: ClusterRecord): void {
  const loses = before !== undefined && ([4, 6] as const).some((family) => serves(before, family) && !serves(after, family));
  const interim = loses ? whileBothServe(before, after) : after;
  if (!before || !sameClusterRecord(before, interim)) schedule.cluster(id, interim);
  if (loses) schedule.emptiedCluster(id, after);
}

/** Whether a socket of the family is not refused. An IPv6 socket takes IPv4 endpoints where there are no others. */
function serves(record: ClusterRecord, family: Family): boolean {
  if (record.kind !== 'endpoints') return record.kind === 'pass';
  return record.slots4 > 0 || (family === 6 && record.slots6 > 0);
}

function whileBothServe(before: ClusterRecord, after: ClusterRecord): ClusterRecord {
  if (before.kind !== 'endpoints' || after.kind !== 'endpoints') return before;
  return { ...after, slots4: after.slots4 || before.slots4, slots6: after.slots6 || before.slots6 };
}

function sameClusterRecord(a: ClusterRecord, b: ClusterRecord): boolean {
  return (
    a.slots4 === b.slots4 &&
    a.slots6 === b.slots6 &&
    a.maxConnections === b.maxConnections &&
    a.kind === b.kind &&
    a.lb === b.lb &&
    a.reason === b.reason &&
    a.panic === b.panic
  );
}

const sameEndpoint = (a: EndpointRecord, b: EndpointRecord): boolean => a.endpointId === b.endpointId && a.address === b.address && a.port === b.port;

function sameSlot(a: SlotRecord | undefined, b: SlotRecord): boolean {
  return a !== undefined && a.threshold === b.threshold && sameEndpoint(a.primary, b.primary) && sameEndpoint(a.alias, b.alias);
}
