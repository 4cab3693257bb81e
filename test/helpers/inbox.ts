// SPDX-License-Identifier: Apache-2.0

/** What came in, in order, for tests that wait for one of it. */
export class Inbox<T> {
  readonly #all: T[] = [];
  readonly #untaken: T[] = [];
  readonly #waiting = new Set<{ match: (one: T) => boolean; resolve: (one: T) => void }>();

  /** Everything so far. */
  get all(): readonly T[] {
    return this.#all;
  }

  /** Takes the first that matches and was not taken before; waits for it when it has not come yet. */
  take(match: (one: T) => boolean): Promise<T> {
    const index = this.#untaken.findIndex(match);
    if (index >= 0) return Promise.resolve(this.#untaken.splice(index, 1)[0]!);
    return new Promise((resolve) => this.#waiting.add({ match, resolve }));
  }

  add(one: T): void {
    this.#all.push(one);
    for (const waiter of this.#waiting) {
      if (!waiter.match(one)) continue;
      this.#waiting.delete(waiter);
      waiter.resolve(one);
      return;
    }
    this.#untaken.push(one);
  }
}
