// SPDX-License-Identifier: Apache-2.0
import type { Frontend, Target } from '../model/types.js';
import type { IdAllocator } from './ids.js';
import type { FrontendImage } from './image.js';
import type { FrontendRecord } from './operations.js';
import { REASON_NUMBER } from './reasons.js';
import type { Schedule } from './schedule.js';
import { planSplit, removeSplit, sameSplit, splitRecords, withoutClusters, type ClusterIds, type SplitImage } from './splits.js';

/** What the names in a frontend stand for in the maps. */
export interface FrontendIds {
  readonly listener: { readonly name: string; readonly id: number };
  readonly cluster: ClusterIds;
  /** Id of the frontend's route table; 0: none. */
  readonly routes: number;
}

/** Names of the clusters that a target leads to. */
export function clustersOf(target: Target): readonly string[] {
  if (target.kind === 'cluster') return [target.cluster];
  return target.kind === 'split' ? target.clusters.map((arm) => arm.cluster) : [];
}

/** Plans a frontend that is new (`before` undefined) or may have changed. */
export function planFrontend(schedule: Schedule, ids: IdAllocator, before: FrontendImage | undefined, frontend: Frontend, { listener, cluster, routes }: FrontendIds): FrontendImage {
  const { family, address, prefixLength, port, target } = frontend;
  const key = before?.key ?? { family, address, prefixLength, port };
  const left = splitOf(before);
  // In one moment with the route table, not a moment before it.
  const inPlace = before?.record.routes === routes ? left : undefined;
  const split = target.kind === 'split' ? planSplit((slot, value) => schedule.frontendSplit(slot, value), ids, inPlace, splitRecords(target, cluster)) : undefined;
  const record: FrontendRecord = {
    listenerId: listener.id,
    kind: target.kind,
    target: target.kind === 'cluster' ? cluster(target.cluster) : (split?.id ?? 0),
    n: split?.slots.length ?? 0,
    routes,
    reason: target.kind === 'pass' || target.kind === 'refuse' ? REASON_NUMBER[target.reason] : 0,
  };
  if (!before || !sameRecord(before.record, record)) schedule.frontend(key, record);
  if (left && left.id !== split?.id) removeSplit(schedule, left);
  return { key, record, listener: listener.name, split: split?.slots ?? [], source: frontend };
}

export function planFrontendRemoval(schedule: Schedule, before: FrontendImage): void {
  schedule.removeFrontend(before.key);
  const split = splitOf(before);
  if (split) removeSplit(schedule, split);
}

/** Plans that a frontend that stays as it is leads to nothing that goes: it refuses a cluster as unknown instead, and takes the table that replaces its own. */
export function planWithout(schedule: Schedule, before: FrontendImage, clusters: ReadonlySet<number>, tables: ReadonlyMap<number, number>): FrontendImage {
  const routes = tables.get(before.record.routes) ?? before.record.routes;
  const target = before.record.kind === 'cluster' && clusters.has(before.record.target) ? 0 : before.record.target;
  const record = { ...before.record, routes, target };
  if (!sameRecord(before.record, record)) schedule.frontend(before.key, record);
  const split = withoutClusters(before.split, clusters);
  split.forEach((slot, index) => {
    if (slot && !sameSplit(before.split[index], slot)) schedule.frontendSplit({ splitId: record.target, index }, slot);
  });
  return split === before.split && sameRecord(before.record, record) ? before : { ...before, record, split };
}

/** The split that a frontend's record leads to, where the maps hold it whole. */
function splitOf(before: FrontendImage | undefined): SplitImage | undefined {
  if (before?.record.kind !== 'split' || before.split.length !== before.record.n) return undefined;
  return { id: before.record.target, slots: before.split };
}

function sameRecord(a: FrontendRecord, b: FrontendRecord): boolean {
  return a.listenerId === b.listenerId && a.kind === b.kind && a.target === b.target && a.n === b.n && a.routes === b.routes && a.reason === b.reason;
}
