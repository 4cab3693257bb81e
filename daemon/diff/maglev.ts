// SPDX-License-Identifier: Apache-2.0
/**
 * Tables for consistent hashing (D. Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
 * section 3.4), weighted as Envoy does it (source/extensions/load_balancing_policies/maglev/maglev_lb.cc).
 */

/** Primes: then every step goes through the whole table. */
const SIZES = [251, 1021, 4093, 16381, 65521, 262139];
/** With so many entries for each item, an item that goes moves few entries of the others. */
const ENTRIES_AN_ITEM = 25;

/** Entries of the table of so many items. */
export const maglevSize = (items: number): number => SIZES.find((size) => size >= items * ENTRIES_AN_ITEM) ?? SIZES.at(-1)!;

/**
 * For each entry the index of an item. Items get entries by their weights; of the same keys the table is always the same,
 * and another one's coming or going leaves most entries as they are.
 *
 * @param keys distinct.
 * @param weights positive and finite, one a key.
 */
export function maglevTable(keys: readonly string[], weights: readonly number[]): Int32Array {
  const size = maglevSize(keys.length);
  const table = new Int32Array(size).fill(-1);
  if (keys.length === 0) return new Int32Array();
  const greatest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  const items = keys
    .map((key, i) => ({ key, i, weight: weights[i]! / greatest, next: hash(key, 0) % size, skip: (hash(key, 1) % (size - 1)) + 1, taken: 0 }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map((item, place) => ({ ...item, place }));
  // Of thousands of items beside a heavy one most have no turn in most rounds: they are not looked at.
  const turns = new Map<number, typeof items>();
  const wait = (item: (typeof items)[number], from: number): void => {
    // The heaviest takes an entry in each round: there are no more rounds than entries.
    if ((item.taken + 1) / item.weight > size + 1) return;
    const round = roundOf(item, from);
    const others = turns.get(round);
    if (others) others.push(item);
    else turns.set(round, [item]);
  };
  for (const item of items) wait(item, 1);
  for (let round = 1, filled = 0; filled < size; round += 1) {
    for (const item of turns.get(round)?.sort((a, b) => a.place - b.place) ?? []) {
      if (filled === size) break;
      while (table[item.next] !== -1) item.next = (item.next + item.skip) % size;
      table[item.next] = item.i;
      item.taken += 1;
      filled += 1;
      wait(item, round + 1);
    }
    turns.delete(round);
  }
  return table;
}

/** The first round from `from` on in which an item takes an entry: after each it has no more than its weight (1: the greatest) of their number. */
function roundOf({ weight, taken }: { readonly weight: number; readonly taken: number }, from: number): number {
  let round = Math.max(from, Math.floor((taken + 1) / weight) - 1);
  while (round * weight < taken + 1) round += 1;
  return round;
}

/** 32 bit FNV-1a with a seed, and the end of MurmurHash3, without which the high bits hang on the last characters alone. */
function hash(text: string, seed: number): number {
  let value = (0x811c9dc5 ^ Math.imul(seed, 0x9e3779b9)) >>> 0;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
