// SPDX-License-Identifier: Apache-2.0

/**
 * Gives each item a place 0..n-1 so that as few places as possible change: an item that stays keeps its
 * place, a new item takes a freed one, and when the table shrinks the last items move into the gaps.
 *
 * @param before keys by place; undefined where the place holds nothing that is known.
 * @param after distinct keys, in any order.
 * @returns the keys of `after` by place.
 */
export function assignPlaces(before: readonly (string | undefined)[], after: readonly string[]): string[] {
  const wanted = new Set(after);
  const placed: (string | undefined)[] = new Array<string | undefined>(after.length).fill(undefined);
  const done = new Set<string>();
  for (const [place, key] of before.entries()) {
    if (place >= after.length) break;
    if (key === undefined || !wanted.has(key) || done.has(key)) continue;
    placed[place] = key;
    done.add(key);
  }
  const waiting = after.filter((key) => !done.has(key)).values();
  return placed.map((key) => key ?? (waiting.next().value as string));
}
