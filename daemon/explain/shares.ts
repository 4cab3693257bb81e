// SPDX-License-Identifier: Apache-2.0
/** Which parts of all draws fall on what an alias table names (bpf/lib/draw.h). */

/** Always takes the primary (struct km_slot, struct km_split). */
const ALWAYS = 0xffffffff;
const COIN_VALUES = 2 ** 32;

interface Drawn<T> {
  readonly primary: T;
  readonly alias: T;
  readonly threshold: number;
}

/** @param keyOf tells the same thing in several slots. @returns in the order of the slots, with parts that add up to 1. */
export function sharesOf<T>(slots: readonly Drawn<T>[], keyOf: (item: T) => unknown): { readonly item: T; readonly share: number }[] {
  const shares = new Map<unknown, { item: T; share: number }>();
  const add = (item: T, share: number): void => {
    if (share === 0) return;
    const known = shares.get(keyOf(item));
    if (known) known.share += share;
    else shares.set(keyOf(item), { item, share });
  };
  for (const { primary, alias, threshold } of slots) {
    const part = threshold === ALWAYS ? 1 : threshold / COIN_VALUES;
    add(primary, part / slots.length);
    add(alias, (1 - part) / slots.length);
  }
  return [...shares.values()];
}
