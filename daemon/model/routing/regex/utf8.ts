// SPDX-License-Identifier: Apache-2.0

type Range = readonly [first: number, last: number];

/** The last code points of one, two, three and four bytes. */
const LENGTHS = [0x7f, 0x7ff, 0xffff, 0x10ffff];

/** All that is not ASCII. RE2 takes more for it than UTF-8 has, which spares it states: overlong forms and what lies behind the last code point (Compiler::Add_80_10ffff of re2/compile.cc). */
const BEYOND_ASCII: readonly (readonly Range[])[] = [
  [[0xc2, 0xdf], [0x80, 0xbf]],
  [[0xe0, 0xef], [0x80, 0xbf], [0x80, 0xbf]],
  [[0xf0, 0xf4], [0x80, 0xbf], [0x80, 0xbf], [0x80, 0xbf]],
];

/** The bytes of code points in UTF-8: of each sequence one range a byte (Compiler::AddRuneRangeUTF8 of re2/compile.cc). */
export const utf8Sequences = (ranges: readonly Range[]): (readonly Range[])[] => ranges.flatMap(([first, last]) => sequencesOf(first, last));

function sequencesOf(first: number, last: number): (readonly Range[])[] {
  const both = (end: number): (readonly Range[])[] => [...sequencesOf(first, end), ...sequencesOf(end + 1, last)];
  const cut = LENGTHS.find((most) => first <= most && most < last);
  if (first === 0x80 && last === LENGTHS[3]) return [...BEYOND_ASCII];
  if (cut !== undefined) return both(cut);
  if (last <= LENGTHS[0]!) return [[[first, last]]];
  for (let bits = 6; bits <= 18; bits += 6) {
    const mask = 2 ** bits - 1;
    if ((first & ~mask) === (last & ~mask)) continue;
    // Beginnings that differ take all of the bytes that follow.
    if ((first & mask) !== 0) return both(first | mask);
    if ((last & mask) !== mask) return both((last & ~mask) - 1);
  }
  const [from, to] = [encoded(first), encoded(last)];
  return [from.map((byte, i) => [byte, to[i]!])];
}

/** Also of surrogates, which RE2 knows as code points like any others. */
function encoded(rune: number): number[] {
  const more = LENGTHS.findIndex((most) => rune <= most);
  if (more === 0) return [rune];
  const lead = [0, 0xc0, 0xe0, 0xf0][more]! | (rune >> (6 * more));
  return [lead, ...Array.from({ length: more }, (_, i) => 0x80 | ((rune >> (6 * (more - 1 - i))) & 0x3f))];
}
