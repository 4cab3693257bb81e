// SPDX-License-Identifier: Apache-2.0
import { Backoff } from './xds/backoff.js';
import type { Clock } from './xds/source.js';

/** Waits in milliseconds: the first, and the longest, since each attempt that fails costs reading all maps. */
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;

/** Tries again by itself what failed, later each time, until it goes well. */
export class Retry {
  readonly #clock: Clock;
  readonly #again: () => void;
  readonly #backoff = new Backoff(Math.random, FIRST_MS, LONGEST_MS);
  #cancel: (() => void) | undefined;
  #told: string | undefined;
  #stopped = false;

  constructor(clock: Clock, again: () => void) {
    this.#clock = clock;
    this.#again = again;
  }

  /** @returns whether people have not been told of it since it went well last. */
  isNews({ message }: Error): boolean {
    const news = message !== this.#told;
    this.#told = message;
    return news;
  }

  /** An attempt begins: another one is not waited for. */
  begin(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  failed(): void {
    this.begin();
    if (!this.#stopped) this.#cancel = this.#clock.after(this.#backoff.next(), this.#again);
  }

  succeeded(): void {
    this.begin();
    this.#backoff.reset();
    this.#told = undefined;
  }

  /** Nothing is tried again any more. */
  stop(): void {
    this.#stopped = true;
    this.begin();
  }
}
