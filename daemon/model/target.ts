// SPDX-License-Identifier: Apache-2.0
import type { Target, WeightedCluster } from './types.js';

/** On to the original address: what HTTP listeners without a default decision do. */
export const PASS: Target = { kind: 'pass', reason: 'passthrough' };

/** Where weighted clusters lead: those of weight 0 never get a connection. */
export function weightedTarget(clusters: readonly WeightedCluster[]): Target {
  const arms = clusters.filter(({ weight }) => weight > 0);
  const [first] = arms;
  if (!first) return { kind: 'refuse', reason: 'weights_zero' };
  return arms.length === 1 ? { kind: 'cluster', cluster: first.cluster } : { kind: 'split', clusters: arms };
}

export function sameTarget(a: Target, b: Target): boolean {
  if (a.kind === 'cluster' && b.kind === 'cluster') return a.cluster === b.cluster;
  if (a.kind !== 'split' || b.kind !== 'split') return a.kind === b.kind && 'reason' in a && 'reason' in b && a.reason === b.reason;
  return a.clusters.length === b.clusters.length && a.clusters.every((arm, i) => arm.cluster === b.clusters[i]!.cluster && arm.weight === b.clusters[i]!.weight);
}
