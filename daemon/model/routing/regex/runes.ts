// SPDX-License-Identifier: Apache-2.0

type Range = readonly [first: number, last: number];

/** A set of code points. */
export interface Runes {
  /** In order; they neither meet nor touch. */
  readonly ranges: readonly Range[];
  /** false: of its code points beyond ASCII it is not known which ones they are. */
  readonly whole: boolean;
}

export const LAST_RUNE = 0x10ffff;
export const LAST_ASCII = 0x7f;

export function runesOf(ranges: readonly Range[], whole = true): Runes {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort(([a], [b]) => a - b)) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return { ranges: merged, whole };
}

export const runesOfText = (text: string): Runes => runesOf([...text].map((char) => [char.codePointAt(0)!, char.codePointAt(0)!]));

export const united = (sets: readonly Runes[]): Runes => runesOf(sets.flatMap(({ ranges }) => ranges), sets.every(({ whole }) => whole));

export function negated({ ranges, whole }: Runes): Runes {
  const others: Range[] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (first > next) others.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= LAST_RUNE) others.push([next, LAST_RUNE]);
  return { ranges: others, whole };
}

/** Letters that are the same in any case; beyond ASCII only what has a letter of ASCII for its other case (re2/unicode_casefold.cc). */
const CASES: readonly (readonly number[])[] = Array.from('abcdefghijklmnopqrstuvwxyz', (letter) => {
  const others = letter === 'k' ? [0x212a] : letter === 's' ? [0x17f] : [];
  return [letter.charCodeAt(0), letter.toUpperCase().charCodeAt(0), ...others];
});
const KNOWN_CASES = new Set(CASES.flat());

/** With the other cases of its letters, as far as that can be told without tables of Unicode. */
export function folded({ ranges, whole }: Runes): Runes {
  const holds = (rune: number): boolean => ranges.some(([first, last]) => first <= rune && rune <= last);
  const cases = CASES.filter((letters) => letters.some(holds)).flat();
  const known = ranges.every(([first, last]) => last <= LAST_ASCII || (first === last && KNOWN_CASES.has(first)));
  return runesOf([...ranges, ...cases.map((rune): Range => [rune, rune])], whole && known);
}

/** Its part in ASCII. */
export const inAscii = ({ ranges }: Runes): readonly Range[] => ranges.filter(([first]) => first <= LAST_ASCII).map(([first, last]) => [first, Math.min(last, LAST_ASCII)]);
