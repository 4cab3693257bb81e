// SPDX-License-Identifier: Apache-2.0
import type { Applier } from './applier.js';
import type { Logger } from './log.js';
import type { Dataplane } from './maps/dataplane.js';

/** How often, in milliseconds: a socket that outlives its cluster is counted when it ends, after the cluster's entries went. */
export const SWEEP_MS = 60_000;

/** Takes out what was counted for listeners and clusters that are gone; nothing while the control plane has not said which are there. */
export function sweepGone(dataplane: Pick<Dataplane, 'sweepCounts'>, { applied, image }: Pick<Applier, 'applied' | 'image'>, log: Pick<Logger, 'error'>): void {
  if (!applied.model || applied.stale) return;
  const idsOf = (all: ReadonlyMap<string, { readonly id: number }>): Set<number> => new Set([...all.values()].map(({ id }) => id));
  try {
    dataplane.sweepCounts(idsOf(image.listeners), idsOf(image.clusters));
  } catch (error) {
    log.error({ err: error }, 'counts of listeners and clusters that are gone cannot be taken out');
  }
}
