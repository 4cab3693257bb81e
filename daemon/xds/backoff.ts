// SPDX-License-Identifier: Apache-2.0

const FIRST_MS = 500;
const FACTOR = 2;
const LONGEST_MS = 30_000;

/** How long to wait before the next attempt. Half of each wait is random, so that the nodes of a cluster do not come back in step. */
export class Backoff {
  readonly #random: () => number;
  readonly #firstMs: number;
  readonly #longestMs: number;
  #ceiling: number;

  /** @param random a number from 0 up to 1. */
  constructor(random: () => number, firstMs = FIRST_MS, longestMs = LONGEST_MS) {
    this.#random = random;
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#ceiling = firstMs;
  }

  /** Milliseconds; twice as long on average after each call. */
  next(): number {
    const wait = (this.#ceiling / 2) * (1 + this.#random());
    this.#ceiling = Math.min(this.#longestMs, this.#ceiling * FACTOR);
    return wait;
  }

  /** An attempt went well. */
  reset(): void {
    this.#ceiling = this.#firstMs;
  }
}
