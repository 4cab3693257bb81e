// SPDX-License-Identifier: Apache-2.0
import { asksForTtl, sameRefresh, waitAfterAnswer, waitAfterFailure, type DnsRefresh } from './dnsRefresh.js';
import type { Found, Lookup } from './lookup.js';
import type { Clock } from './source.js';

/** getaddrinfo holds a thread of libuv's pool, which has four, and files are read through it too. */
const CONCURRENCY = 2;
const MOST_ADDRESSES = 1000;

/** Host names with the times that they are looked up at. */
export type Hosts = ReadonlyMap<string, DnsRefresh>;

/**
 * Resolves the host names of clusters, each again and again in its own time. Calls back only when an answer differs from the one
 * before; a name that no longer resolves keeps its last addresses.
 */
export class HostResolver {
  readonly #lookup: Lookup;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onAnswer: () => void;
  #hosts: Hosts = new Map();
  #addresses: ReadonlyMap<string, readonly string[]> = new Map();
  /** Names with an answer, if only that there is none; and how many failures in a row there were since. */
  readonly #answered = new Map<string, number>();
  /** What cancels the next look-up of a name. */
  readonly #timers = new Map<string, () => void>();
  readonly #queue = new Set<string>();
  #running = 0;

  /** @param onAnswer called when addresses changed and when a name got its first answer. @param random a number from 0 up to 1. */
  constructor(lookup: Lookup, clock: Clock, random: () => number, onAnswer: () => void) {
    this.#lookup = lookup;
    this.#clock = clock;
    this.#random = random;
    this.#onAnswer = onAnswer;
  }

  /** Replaced, never changed: a snapshot may hold on to it. Addresses are sorted, since servers rotate them. */
  get addresses(): ReadonlyMap<string, readonly string[]> {
    return this.#addresses;
  }

  answered(name: string): boolean {
    return this.#answered.has(name);
  }

  /** These names are resolved from now on, new ones and those whose times changed at once. */
  setHosts(hosts: Hosts): void {
    const before = this.#hosts;
    if (hosts === before) return;
    this.#hosts = hosts;
    for (const name of before.keys()) if (!hosts.has(name)) this.#forget(name);
    if ([...this.#addresses.keys()].some((name) => !hosts.has(name))) {
      this.#addresses = new Map([...this.#addresses].filter(([name]) => hosts.has(name)));
    }
    for (const [name, refresh] of hosts) {
      const known = before.get(name);
      if (!known || !sameRefresh(known, refresh)) this.#queue.add(name);
    }
    this.#work();
  }

  stop(): void {
    this.#hosts = new Map();
    this.#queue.clear();
    for (const name of [...this.#timers.keys()]) this.#unschedule(name);
  }

  #forget(name: string): void {
    this.#answered.delete(name);
    this.#unschedule(name);
  }

  #work(): void {
    for (const name of this.#queue) {
      if (this.#running >= CONCURRENCY) return;
      this.#queue.delete(name);
      const refresh = this.#hosts.get(name);
      if (refresh) void this.#resolve(name, asksForTtl(refresh));
    }
  }

  async #resolve(name: string, ttl: boolean): Promise<void> {
    this.#running += 1;
    const found = await this.#lookup(name, ttl).catch(() => undefined);
    this.#running -= 1;
    const refresh = this.#hosts.get(name);
    if (refresh) {
      const failures = found ? 0 : (this.#answered.get(name) ?? 0) + 1;
      this.#schedule(name, found ? waitAfterAnswer(refresh, found.ttlMs, this.#random()) : waitAfterFailure(refresh, failures, this.#random()));
      this.#take(name, found, failures);
    }
    this.#work();
  }

  #take(name: string, found: Found | undefined, failures: number): void {
    const first = !this.#answered.has(name);
    this.#answered.set(name, failures);
    const addresses = found && [...new Set(found.addresses)].sort().slice(0, MOST_ADDRESSES);
    const before = this.#addresses.get(name);
    const changed = addresses !== undefined && (before === undefined || before.join() !== addresses.join());
    if (changed) this.#addresses = new Map(this.#addresses).set(name, addresses);
    if (first || changed) this.#onAnswer();
  }

  #schedule(name: string, ms: number): void {
    this.#unschedule(name);
    const cancel = this.#clock.after(ms, () => {
      this.#timers.delete(name);
      this.#queue.add(name);
      this.#work();
    });
    this.#timers.set(name, cancel);
  }

  #unschedule(name: string): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }
}
