// SPDX-License-Identifier: Apache-2.0
import { lookup as systemLookup } from 'node:dns/promises';
import type { Clock } from './source.js';

/** All addresses of a name, of both families. Rejects when there are none. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/** Envoy's default for Cluster.dns_refresh_rate. */
const REFRESH_MS = 5000;
/** getaddrinfo holds a thread of libuv's pool, which has four, and files are read through it too. */
const CONCURRENCY = 2;
const MOST_ADDRESSES = 1000;

export const lookupAll: Lookup = async (name) => (await systemLookup(name, { all: true })).map(({ address }) => address);

/**
 * Resolves the host names of clusters, again and again. Calls back only when an answer differs from the one
 * before; a name that no longer resolves keeps its last addresses.
 */
export class HostResolver {
  readonly #lookup: Lookup;
  readonly #clock: Clock;
  readonly #onAnswer: () => void;
  #hosts: ReadonlySet<string> = new Set();
  #addresses: ReadonlyMap<string, readonly string[]> = new Map();
  /** Names with an answer, if only that there is none. */
  readonly #answered = new Set<string>();
  readonly #queue = new Set<string>();
  #running = 0;
  #cancel: (() => void) | undefined;

  /** @param onAnswer called when addresses changed and when a name got its first answer. */
  constructor(lookup: Lookup, clock: Clock, onAnswer: () => void) {
    this.#lookup = lookup;
    this.#clock = clock;
    this.#onAnswer = onAnswer;
  }

  /** Replaced, never changed: a snapshot may hold on to it. Addresses are sorted, since servers rotate them. */
  get addresses(): ReadonlyMap<string, readonly string[]> {
    return this.#addresses;
  }

  answered(name: string): boolean {
    return this.#answered.has(name);
  }

  /** These names are resolved from now on, new ones at once. */
  setHosts(hosts: ReadonlySet<string>): void {
    if (hosts === this.#hosts) return;
    this.#hosts = hosts;
    for (const name of this.#answered) if (!hosts.has(name)) this.#answered.delete(name);
    if ([...this.#addresses.keys()].some((name) => !hosts.has(name))) {
      this.#addresses = new Map([...this.#addresses].filter(([name]) => hosts.has(name)));
    }
    for (const name of hosts) if (!this.#answered.has(name)) this.#queue.add(name);
    this.#work();
    if (hosts.size === 0) this.#unschedule();
  }

  stop(): void {
    this.#hosts = new Set();
    this.#queue.clear();
    this.#unschedule();
  }

  #work(): void {
    for (const name of this.#queue) {
      if (this.#running >= CONCURRENCY) return;
      this.#queue.delete(name);
      if (this.#hosts.has(name)) void this.#resolve(name);
    }
    if (this.#running === 0 && this.#hosts.size > 0) this.#schedule();
  }

  async #resolve(name: string): Promise<void> {
    this.#running += 1;
    const addresses = await this.#lookup(name).then(
      (found) => [...new Set(found)].sort().slice(0, MOST_ADDRESSES),
      () => undefined,
    );
    this.#running -= 1;
    if (this.#hosts.has(name)) this.#take(name, addresses);
    this.#work();
  }

  #take(name: string, addresses: readonly string[] | undefined): void {
    const first = !this.#answered.has(name);
    this.#answered.add(name);
    const before = this.#addresses.get(name);
    const changed = addresses !== undefined && (before === undefined || before.join() !== addresses.join());
    if (changed) this.#addresses = new Map(this.#addresses).set(name, addresses);
    if (first || changed) this.#onAnswer();
  }

  #schedule(): void {
    this.#cancel ??= this.#clock.after(REFRESH_MS, () => {
      this.#cancel = undefined;
      for (const name of this.#hosts) this.#queue.add(name);
      this.#work();
    });
  }

  #unschedule(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
