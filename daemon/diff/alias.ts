// SPDX-License-Identifier: Apache-2.0

/** One slot of an alias table: slot i stands for item i, or, above the threshold, for item `alias`. */
export interface AliasSlot {
  readonly alias: number;
  /** Taken when a uniform 32 bit number is below it; 0xffffffff always takes the slot's own item. */
  readonly threshold: number;
}

/** The threshold that always takes the primary (struct km_slot, struct km_split). */
export const ALWAYS = 0xffffffff;

const COIN_VALUES = 2 ** 32;

/**
 * Alias table for drawing item i with probability weights[i] / sum in constant time
 * (M. D. Vose, "A linear algorithm for generating random numbers with a given distribution", 1991).
 * Equal weights give slots that never use their alias, so that one item more or less leaves the others as they are.
 *
 * @param weights positive and finite.
 */
export function aliasTable(weights: readonly number[]): AliasSlot[] {
  if (weights.every((weight) => weight === weights[0])) return weights.map((_, i) => ({ alias: i, threshold: ALWAYS }));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const share = weights.map((weight) => (weight / total) * weights.length);
  const small: number[] = [];
  const large: number[] = [];
  share.forEach((p, i) => (p < 1 ? small : large).push(i));
  const table: AliasSlot[] = weights.map((_, i) => ({ alias: i, threshold: ALWAYS }));
  while (small.length > 0 && large.length > 0) {
    const under = small.pop()!;
    const over = large.at(-1)!;
    table[under] = slot(share[under]!, under, over);
    share[over] = share[over]! - (1 - share[under]!);
    if (share[over]! < 1) small.push(large.pop()!);
  }
  // What is left has a share of 1 but for rounding: its own item always.
  return table;
}

/** Rounding to the nearest coin value keeps each item within 2^-33 of its weight per slot that names it. */
function slot(probability: number, own: number, alias: number): AliasSlot {
  const threshold = Math.round(probability * COIN_VALUES);
  return threshold >= ALWAYS ? { alias: own, threshold: ALWAYS } : { alias, threshold };
}
