// SPDX-License-Identifier: Apache-2.0
// Random choices that are written down, so that a case can be made again from them, and made smaller: less or smaller numbers make a
// smaller case, whatever is made of them.
import { random } from '../daemon/diff/models.js';

export interface Choices {
  /** A number from 0 to n - 1. */
  below(n: number): number;
}

/** Choices of a seed; `written` holds them afterwards. */
export class Recording implements Choices {
  readonly written: number[] = [];
  readonly #random: (below: number) => number;

  constructor(seed: number) {
    this.#random = random(seed);
  }

  below(n: number): number {
    const value = this.#random(n);
    this.written.push(value);
    return value;
  }
}

/** The same choices again; 0 where they are used up, and where one is too large now. */
export function replay(written: readonly number[]): Choices {
  let at = 0;
  return {
    below(n) {
      const value = written[at] ?? 0;
      at += 1;
      return value < n ? value : 0;
    },
  };
}

/** Attempts to make a case smaller; each runs it once. */
const MOST_ATTEMPTS = 2000;

/** Choices with which the case still fails, and from which nothing more can be taken away in pieces. */
export function shrink(written: readonly number[], fails: (choices: Choices) => boolean): readonly number[] {
  let best = written;
  let attempts = 0;
  const accept = (smaller: readonly number[]): boolean => {
    attempts += 1;
    if (attempts > MOST_ATTEMPTS || !fails(replay(smaller))) return false;
    best = smaller;
    return true;
  };
  for (let size = Math.ceil(best.length / 2); size >= 1 && attempts < MOST_ATTEMPTS; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best.length && attempts < MOST_ATTEMPTS; ) {
      const removed = [...best.slice(0, from), ...best.slice(from + size)];
      const zeroed = [...best.slice(0, from), ...best.slice(from, from + size).map(() => 0), ...best.slice(from + size)];
      const isZero = best.slice(from, from + size).every((value) => value === 0);
      if (!accept(removed) && (isZero || !accept(zeroed))) from += size;
      else if (best !== removed) from += size;
    }
  }
  return best;
}
