// SPDX-License-Identifier: Apache-2.0
import type { Frontend, Target } from '../model/types.js';
import { aliasTable } from './alias.js';
import type { IdAllocator } from './ids.js';
import type { FrontendImage } from './image.js';
import type { FrontendRecord, SplitRecord } from './operations.js';
import { REASON_NUMBER } from './reasons.js';
import type { Schedule } from './schedule.js';

/** Id of a cluster by its name in the model; 0 (KM_CLUSTER_UNKNOWN) when there is none. */
export type ClusterIds = (name: string) => number;

/** Names of the clusters that a target leads to. */
export function clustersOf(target: Target): readonly string[] {
  if (target.kind === 'cluster') return [target.cluster];
  return target.kind === 'split' ? target.clusters.map((arm) => arm.cluster) : [];
}

/** Plans a frontend that is new (`before` undefined) or may have changed. */
export function planFrontend(
  schedule: Schedule,
  ids: IdAllocator,
  before: FrontendImage | undefined,
  frontend: Frontend,
  listener: { readonly name: string; readonly id: number },
  clusterIds: ClusterIds,
): FrontendImage {
  const { family, address, prefixLength, port, target } = frontend;
  const key = before?.key ?? { family, address, prefixLength, port };
  const split = target.kind === 'split' ? splitRecords(target, clusterIds) : [];
  const splitId = target.kind === 'split' ? planSplit(schedule, ids, before, split) : 0;
  const record: FrontendRecord = {
    listenerId: listener.id,
    kind: target.kind,
    target: target.kind === 'cluster' ? clusterIds(target.cluster) : splitId,
    n: split.length,
    routes: 0,
    reason: target.kind === 'pass' || target.kind === 'refuse' ? REASON_NUMBER[target.reason] : 0,
  };
  if (!before || !sameRecord(before.record, record)) schedule.frontend(key, record);
  if (before && before.record.kind === 'split' && before.record.target !== splitId) removeSplit(schedule, before);
  return { key, record, listener: listener.name, split, source: frontend };
}

export function planFrontendRemoval(schedule: Schedule, before: FrontendImage): void {
  schedule.removeFrontend(before.key);
  removeSplit(schedule, before);
}

/** Plans that a frontend that stays as it is leads to no cluster that goes: it refuses as unknown instead. */
export function planWithoutClusters(schedule: Schedule, before: FrontendImage, gone: ReadonlySet<number>): FrontendImage {
  const known = (id: number): number => (gone.has(id) ? 0 : id);
  const { record } = before;
  if (record.kind === 'cluster' && gone.has(record.target)) {
    const changed = { ...record, target: 0 };
    schedule.frontend(before.key, changed);
    return { ...before, record: changed };
  }
  if (!before.split.some((slot) => slot && (gone.has(slot.clusterId) || gone.has(slot.aliasClusterId)))) return before;
  const split = before.split.map((slot) => slot && { ...slot, clusterId: known(slot.clusterId), aliasClusterId: known(slot.aliasClusterId) });
  split.forEach((slot, index) => {
    if (slot && !sameSplit(before.split[index], slot)) schedule.split({ splitId: record.target, index }, slot);
  });
  return { ...before, split };
}

function splitRecords(target: Extract<Target, { kind: 'split' }>, clusterIds: ClusterIds): SplitRecord[] {
  const arms = target.clusters.map((arm) => clusterIds(arm.cluster));
  return aliasTable(target.clusters.map((arm) => arm.weight)).map(({ alias, threshold }, i) => ({
    clusterId: arms[i]!,
    aliasClusterId: arms[alias]!,
    threshold,
  }));
}

/**
 * A split of the same length is rewritten in place: each of its slots is right by itself, and a draw between two
 * writes is one of the old or the new split. One of another length is written beside the old one, under a new id,
 * because its slots and the count in the frontend's record cannot change together.
 *
 * @returns the id of the split.
 */
function planSplit(schedule: Schedule, ids: IdAllocator, before: FrontendImage | undefined, split: readonly SplitRecord[]): number {
  const inPlace = before?.record.kind === 'split' && before.record.n === split.length && before.split.length === split.length;
  const splitId = inPlace ? before.record.target : ids.take('split');
  split.forEach((slot, index) => {
    if (!inPlace || !sameSplit(before.split[index], slot)) schedule.split({ splitId, index }, slot);
  });
  return splitId;
}

function removeSplit(schedule: Schedule, before: FrontendImage): void {
  before.split.forEach((slot, index) => slot && schedule.removeSplit({ splitId: before.record.target, index }));
}

function sameRecord(a: FrontendRecord, b: FrontendRecord): boolean {
  return a.listenerId === b.listenerId && a.kind === b.kind && a.target === b.target && a.n === b.n && a.routes === b.routes && a.reason === b.reason;
}

function sameSplit(a: SplitRecord | undefined, b: SplitRecord): boolean {
  return a !== undefined && a.clusterId === b.clusterId && a.aliasClusterId === b.aliasClusterId && a.threshold === b.threshold;
}
