// SPDX-License-Identifier: Apache-2.0

/** Typing errors that are still taken for a word: one for each three letters, and two swapped letters (two errors) always. */
const LETTERS_PER_ERROR = 3;
const MIN_ERRORS = 2;

/** The word of a list that was probably meant, or undefined when none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const ranked = words.map((candidate) => ({ candidate, distance: editDistance(word, candidate) })).sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(MIN_ERRORS, Math.ceil(word.length / LETTERS_PER_ERROR)) ? best.candidate : undefined;
}

/** `, did you mean "X"?`, or nothing. */
export function didYouMean(word: string, words: readonly string[]): string {
  const candidate = nearest(word, words);
  return candidate === undefined ? '' : `, did you mean "${candidate}"?`;
}

/** Levenshtein distance: insertions, deletions and replacements of letters; long words are cut. */
function editDistance(a: string, b: string): number {
  const [left, right] = [a.slice(0, 64), b.slice(0, 64)];
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...left].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...right].entries()) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
