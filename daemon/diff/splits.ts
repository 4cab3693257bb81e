// SPDX-License-Identifier: Apache-2.0
import type { Target } from '../model/types.js';
import { aliasTable } from './alias.js';
import type { IdAllocator } from './ids.js';
import type { Table } from './image.js';
import type { SplitKey, SplitRecord } from './operations.js';
import type { Schedule } from './schedule.js';

/** Id of a cluster by its name in the model; 0 (KM_CLUSTER_UNKNOWN) when there is none. */
export type ClusterIds = (name: string) => number;

/** The slots of a split that the maps hold, with its id. */
export interface SplitImage {
  readonly id: number;
  readonly slots: Table<SplitRecord>;
}

export function splitRecords(target: Extract<Target, { kind: 'split' }>, clusterIds: ClusterIds): SplitRecord[] {
  const arms = target.clusters.map((arm) => clusterIds(arm.cluster));
  return aliasTable(target.clusters.map((arm) => arm.weight)).map(({ alias, threshold }, i) => ({
    clusterId: arms[i]!,
    aliasClusterId: arms[alias]!,
    threshold,
  }));
}

/** Writes a slot. */
type Put = (key: SplitKey, slot: SplitRecord) => void;

/**
 * A split of the same length is rewritten in place: each of its slots is right by itself, and a draw between two
 * writes is one of the old or the new split. One of another length is written beside the old one, under a new id,
 * because its slots and the count in the record that leads to it cannot change together.
 */
export function planSplit(put: Put, ids: IdAllocator, before: SplitImage | undefined, slots: readonly SplitRecord[]): SplitImage {
  const inPlace = before?.slots.length === slots.length;
  const id = inPlace ? before.id : ids.take('split');
  slots.forEach((slot, index) => {
    if (!inPlace || !sameSplit(before.slots[index], slot)) put({ splitId: id, index }, slot);
  });
  return { id, slots };
}

export function removeSplit(schedule: Schedule, { id, slots }: SplitImage): void {
  slots.forEach((slot, index) => slot && schedule.removeSplit({ splitId: id, index }));
}

/** The slots without the clusters that go: they refuse as unknown instead. @returns the same where none goes. */
export function withoutClusters<T extends SplitRecord | undefined>(slots: readonly T[], gone: ReadonlySet<number>): readonly T[] {
  if (!slots.some((slot) => slot && (gone.has(slot.clusterId) || gone.has(slot.aliasClusterId)))) return slots;
  const known = (id: number): number => (gone.has(id) ? 0 : id);
  return slots.map((slot) => slot && { ...slot, clusterId: known(slot.clusterId), aliasClusterId: known(slot.aliasClusterId) });
}

export function sameSplit(a: SplitRecord | undefined, b: SplitRecord): boolean {
  return a !== undefined && a.clusterId === b.clusterId && a.aliasClusterId === b.aliasClusterId && a.threshold === b.threshold;
}
