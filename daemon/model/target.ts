// SPDX-License-Identifier: Apache-2.0

/**
 * Why a connection goes on to its original address or is refused.
 * Names are those of `enum km_reason` in bpf/include/kmesh/layout.h, in lower case without the prefix.
 */
export type PassReason = 'original_dst' | 'passthrough';
export type RefuseReason = 'no_endpoints' | 'all_unhealthy' | 'weights_zero' | 'blackhole';

/** Where connections to a frontend go. A cluster name that the model does not hold is refused as unknown. */
export type Target =
  | { readonly kind: 'cluster'; readonly cluster: string }
  | { readonly kind: 'split'; readonly clusters: readonly WeightedCluster[] }
  | { readonly kind: 'pass'; readonly reason: PassReason }
  | { readonly kind: 'refuse'; readonly reason: RefuseReason };

/** One arm of a split. `weight` is a positive integer; arms of weight 0 are left out by the model. */
export interface WeightedCluster {
  readonly cluster: string;
  readonly weight: number;
}

/** On to the original address: what HTTP listeners without a default decision do. */
export const PASS: Target = { kind: 'pass', reason: 'passthrough' };

/** Where weighted clusters lead: those of weight 0 never get a connection. */
export function weightedTarget(clusters: readonly WeightedCluster[]): Target {
  const arms = clusters.filter(({ weight }) => weight > 0);
  const [first] = arms;
  if (!first) return { kind: 'refuse', reason: 'weights_zero' };
  return arms.length === 1 ? { kind: 'cluster', cluster: first.cluster } : { kind: 'split', clusters: arms };
}

/** The same for targets that lead to the same place. */
export function targetKey(target: Target): string {
  switch (target.kind) {
    case 'cluster':
      return `cluster ${target.cluster}`;
    case 'split':
      return `split ${JSON.stringify(target.clusters.map(({ cluster, weight }) => [cluster, weight]))}`;
    default:
      return `${target.kind} ${target.reason}`;
  }
}
