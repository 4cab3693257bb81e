// SPDX-License-Identifier: Apache-2.0
import { RESOURCE_KINDS, type ResourceKind } from './kinds.js';
import type { Clock, Complete } from './source.js';

/** What can be waited for: the first answers with clusters and listeners, names of the other kinds, host names. */
export type Topic = ResourceKind | 'hosts';
/** The one thing that is waited for of the kinds that are asked for without names. */
export const WILDCARD = '*';

/** How long an answer is waited for before configuration is applied without it, where the resource that asks does not say: the xDS protocol's advice, and Envoy's default. */
const FETCH_TIMEOUT_MS = 15_000;

const EXPIRED = -Infinity;
const PAUSED = Infinity;

/** Something that is waited for. */
interface Pending {
  /** When waiting ends. */
  until: number;
  readonly timeoutMs: number;
}

const paused = (timeoutMs: number): Pending => ({ until: PAUSED, timeoutMs });

/**
 * Keeps what was asked for and has not been answered. Waiting ends with the answer or after a while, but
 * time without a stream does not count: nobody could have answered.
 */
export class Progress {
  readonly #clock: Clock;
  readonly #onExpire: () => void;
  /** By topic and name. */
  readonly #pending: Readonly<Record<Topic, Map<string, Pending>>> = {
    clusters: new Map([[WILDCARD, paused(FETCH_TIMEOUT_MS)]]),
    endpoints: new Map(),
    listeners: new Map([[WILDCARD, paused(FETCH_TIMEOUT_MS)]]),
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
    const now = this.#clock.now();
    this.#each((pending) => pending.until !== EXPIRED && (pending.until = now + pending.timeoutMs));
    this.#schedule();
  }

  /** The stream is gone. */
  close(): void {
    this.#open = false;
    this.#each((pending) => pending.until !== EXPIRED && (pending.until = PAUSED));
    this.#schedule();
  }

  /**
   * These, and no others of the topic, are waited for now.
   *
   * @param wanted names, each with its time in milliseconds where it has one of its own.
   */
  expect(topic: Topic, wanted: ReadonlyMap<string, number | undefined>): void {
    const pending = this.#pending[topic];
    for (const name of pending.keys()) if (!wanted.has(name)) pending.delete(name);
    const now = this.#clock.now();
    for (const [name, timeoutMs = FETCH_TIMEOUT_MS] of wanted) {
      if (!pending.has(name)) pending.set(name, { until: this.#open ? now + timeoutMs : PAUSED, timeoutMs });
    }
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
      else for (const one of pending.values()) one.until = EXPIRED;
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
    this.#each(({ until }) => (settled &&= until === EXPIRED));
    return settled;
  }

  /** Whether it is waited for. */
  waits(topic: Topic, name: string): boolean {
    return (this.#pending[topic].get(name)?.until ?? EXPIRED) !== EXPIRED;
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
    this.#each(({ until }) => {
      if (until !== EXPIRED && until < next) next = until;
    });
    if (next !== PAUSED) this.#cancel = this.#clock.after(Math.max(0, next - this.#clock.now()), () => this.#expire());
  }

  #expire(): void {
    const now = this.#clock.now();
    this.#each((pending) => pending.until <= now && (pending.until = EXPIRED));
    this.#schedule();
    this.#onExpire();
  }

  #each(visit: (pending: Pending) => void): void {
    for (const names of Object.values(this.#pending)) for (const pending of names.values()) visit(pending);
  }
}
