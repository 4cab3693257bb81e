// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import type { PodCounters, PodSet } from '../maps/dataplane.js';

/** The kernel's set of managed network namespaces, with a picture of it, so that what is as it should be costs no call. */
export class Enrolled {
  readonly #set: Pick<PodSet, 'add' | 'remove' | 'entries'>;
  readonly #log: Logger;
  readonly #cookies: Set<bigint>;
  #full: string | undefined;

  constructor(set: Pick<PodSet, 'add' | 'remove' | 'entries'>, log: Logger) {
    this.#set = set;
    this.#log = log;
    this.#cookies = new Set(set.entries().keys());
  }

  get cookies(): ReadonlySet<bigint> {
    return this.#cookies;
  }

  counters(): ReadonlyMap<bigint, PodCounters> {
    return this.#set.entries();
  }

  /** @returns why it cannot be added; undefined: it is in */
  add(cookie: bigint): string | undefined {
    if (this.#cookies.has(cookie)) return undefined;
    try {
      this.#set.add(cookie);
    } catch (error) {
      const reason = messageOf(error);
      if (this.#full !== reason) this.#log.error({ err: error }, `a pod is not in the mesh: ${reason}`);
      this.#full = reason;
      return reason;
    }
    this.#full = undefined;
    this.#cookies.add(cookie);
    return undefined;
  }

  remove(cookie: bigint): void {
    if (!this.#cookies.has(cookie)) return;
    this.#set.remove(cookie);
    this.#cookies.delete(cookie);
  }
}
