// SPDX-License-Identifier: Apache-2.0
import { RESOURCE_KINDS, type ResourceKind } from './kinds.js';
import type { Clock, Complete } from './source.js';

/** What can be waited for: the first answers with clusters and listeners, names of the other kinds, host names. */
export type Topic = ResourceKind | 'hosts';
/** The one thing that is waited for of the kinds that are asked for without names. */
export const WILDCARD = '*';

/** How long an answer is waited for before configuration is applied without it: Envoy's default for initial_fetch_timeout. */
const FETCH_TIMEOUT_MS = 15_000;

const EXPIRED = -Infinity;
const PAUSED = Infinity;

/**
 * Keeps what was asked for and has not been answered. Waiting ends with the answer or after a while, but
 * time without a stream does not count: nobody could have answered.
 */
export class Progress {
  readonly #clock: Clock;
  readonly #onExpire: () => void;
  /** Names by topic, each with the time at which waiting ends. */
  readonly #pending: Readonly<Record<Topic, Map<string, number>>> = {
    clusters: new Map([[WILDCARD, PAUSED]]),
    endpoints: new Map(),
    listeners: new Map([[WILDCARD, PAUSED]]),
    routes: new Map(),
    hosts: new Map(),
  };
  #complete: Complete = { clusters: false, endpoints: false, listeners: false, routes: false };
  #answered = false;
  #open = false;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, onExpire: () => void) {
    this.#clock = clock;
    this.#onExpire = onExpire;
  }

  /** A stream is there: waiting counts from now on. */
  open(): void {
    this.#open = true;
    const deadline = this.#clock.now() + FETCH_TIMEOUT_MS;
    this.#each((names, name, until) => until !== EXPIRED && names.set(name, deadline));
    this.#schedule();
  }

  /** The stream is gone. */
  close(): void {
    this.#open = false;
    this.#each((names, name, until) => until !== EXPIRED && names.set(name, PAUSED));
    this.#schedule();
  }

  /** These, and no others of the topic, are waited for now. */
  expect(topic: Topic, names: Iterable<string>): void {
    const pending = this.#pending[topic];
    const wanted = new Set(names);
    for (const name of pending.keys()) if (!wanted.has(name)) pending.delete(name);
    const deadline = this.#open ? this.#clock.now() + FETCH_TIMEOUT_MS : PAUSED;
    for (const name of wanted) if (!pending.has(name)) pending.set(name, deadline);
    this.#update();
  }

  /** There was an answer: what it held is no longer waited for. */
  answer(topic: Topic, answered: (name: string) => boolean): void {
    const pending = this.#pending[topic];
    for (const name of pending.keys()) if (answered(name)) pending.delete(name);
    this.#answered ||= topic !== 'hosts';
    this.#update();
  }

  /** Files were read, some of them or all: no other answer will come, but part of an answer is none. */
  loaded(all: boolean): void {
    for (const kind of RESOURCE_KINDS) {
      const pending = this.#pending[kind];
      if (all) pending.clear();
      else for (const name of pending.keys()) pending.set(name, EXPIRED);
    }
    this.#answered = true;
    this.#update();
  }

  get complete(): Complete {
    return this.#complete;
  }

  /** Nothing is waited for any more, and there was at least one answer. */
  get settled(): boolean {
    if (!this.#answered) return false;
    let settled = true;
    this.#each((_names, _name, until) => (settled &&= until === EXPIRED));
    return settled;
  }

  #update(): void {
    const { clusters, endpoints, listeners, routes } = this.#pending;
    const before = this.#complete;
    const allClusters = before.clusters || clusters.size === 0;
    const allListeners = before.listeners || listeners.size === 0;
    this.#complete = {
      clusters: allClusters,
      listeners: allListeners,
      endpoints: before.endpoints || (allClusters && endpoints.size === 0),
      routes: before.routes || (allListeners && routes.size === 0),
    };
    this.#schedule();
  }

  #schedule(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    let next = PAUSED;
    this.#each((_names, _name, until) => {
      if (until !== EXPIRED && until < next) next = until;
    });
    if (next !== PAUSED) this.#cancel = this.#clock.after(Math.max(0, next - this.#clock.now()), () => this.#expire());
  }

  #expire(): void {
    const now = this.#clock.now();
    this.#each((names, name, until) => until <= now && names.set(name, EXPIRED));
    this.#schedule();
    this.#onExpire();
  }

  #each(visit: (names: Map<string, number>, name: string, until: number) => void): void {
    for (const names of Object.values(this.#pending)) for (const [name, until] of names) visit(names, name, until);
  }
}
