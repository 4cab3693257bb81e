// SPDX-License-Identifier: Apache-2.0
import { endpointKey, type Ejections, type OutlierDetection } from '../model/outliers.js';
import type { Cluster } from '../model/types.js';
import type { Clock } from '../xds/source.js';

/** An endpoint to which connects failed. */
export interface Failing {
  readonly cluster: string;
  readonly outliers: OutlierDetection;
  readonly endpoint: { readonly address: string; readonly port: number };
  /** Most in a row. */
  readonly most: number;
}

/** Timers take 24 days. */
const LONGEST_MS = 86_400_000;

/** What is remembered of an endpoint that was ejected at least once. */
interface History {
  /** So many base times the last ejection took. */
  times: number;
  /** When it ended; undefined: it lasts. */
  endedAt: number | undefined;
}

/**
 * Ejects endpoints whose connects fail, and takes them back: each time for as many base times as it was ejected, one less for each interval that it was in
 * between, and never more of a cluster than its limit (source/common/upstream/outlier_detection_impl.cc of Envoy).
 */
export class Ejector {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onChange: (what: string) => void;
  #ejections: Ejections = new Map();
  /** By cluster and endpoint. */
  readonly #histories = new Map<string, Map<string, History>>();
  /** What ends an ejection, by cluster and endpoint. */
  readonly #timers = new Map<string, Map<string, () => void>>();
  #count = 0;

  /** @param random a number from 0 up to 1. @param onChange told after each change, with a sentence for people. */
  constructor(clock: Clock, random: () => number, onChange: (what: string) => void) {
    this.#clock = clock;
    this.#random = random;
    this.#onChange = onChange;
  }

  /** Another object after each change. */
  get ejections(): Ejections {
    return this.#ejections;
  }

  /** Ejections since this process began. */
  get count(): number {
    return this.#count;
  }

  /** @returns whether a row was as long as a rule says: then it is judged, and counted anew. */
  judge({ cluster, outliers, endpoint, most }: Failing): boolean {
    const broken = outliers.rules.filter(({ failures }) => most >= failures);
    if (broken.length === 0) return false;
    const key = endpointKey(endpoint);
    const ejected = this.#ejections.get(cluster) ?? new Set<string>();
    if (ejected.has(key) || !broken.some(({ percent }) => this.#random() * 100 < percent)) return true;
    const hasRoom = (100 * (ejected.size + 1)) / outliers.hosts <= outliers.mostPercent || (ejected.size === 0 && outliers.alwaysOne);
    if (hasRoom) this.#eject(cluster, key, outliers, most);
    return true;
  }

  /** Forgets clusters that are gone or eject nobody any more, and endpoints that left theirs. */
  keep(clusters: ReadonlyMap<string, Cluster>): void {
    for (const [name, histories] of [...this.#histories]) {
      const cluster = clusters.get(name);
      if (cluster?.kind === 'endpoints' && cluster.outliers) this.#keepHosts(name, histories, cluster.outliers);
      else this.#forget(name);
    }
  }

  #forget(name: string): void {
    this.#histories.delete(name);
    for (const cancel of this.#timers.get(name)?.values() ?? []) cancel();
    this.#timers.delete(name);
    if (this.#ejections.has(name)) this.#set(name, new Set(), `cluster ${name} ejects no endpoints any more`);
  }

  /** One that is back in good standing is as one that never failed, whether it left or not. */
  #keepHosts(name: string, histories: Map<string, History>, outliers: OutlierDetection): void {
    for (const [key, history] of histories) if (history.endedAt !== undefined && this.#timesOf(history, outliers) === 0) histories.delete(key);
    const timers = this.#timers.get(name);
    const gone = outliers.gone.filter((key) => timers?.has(key));
    if (gone.length === 0) return;
    const left = new Set(this.#ejections.get(name));
    for (const key of gone) {
      timers!.get(key)!();
      timers!.delete(key);
      histories.delete(key);
      left.delete(key);
    }
    this.#set(name, left, `ejected endpoints that left cluster ${name} are forgotten: ${gone.length}`);
  }

  stop(): void {
    for (const timers of this.#timers.values()) for (const cancel of timers.values()) cancel();
    this.#timers.clear();
  }

  #eject(cluster: string, key: string, outliers: OutlierDetection, most: number): void {
    const histories = this.#histories.get(cluster) ?? new Map<string, History>();
    this.#histories.set(cluster, histories);
    const times = this.#timesOf(histories.get(key), outliers) + 1;
    const ms = Math.min(LONGEST_MS, Math.min(outliers.baseMs * times, outliers.mostMs) + outliers.jitterMs * this.#random());
    histories.set(key, { times, endedAt: undefined });
    const timers = this.#timers.get(cluster) ?? new Map<string, () => void>();
    timers.set(key, this.#clock.after(ms, () => this.#takeBack(cluster, key)));
    this.#timers.set(cluster, timers);
    this.#count += 1;
    const where = key.replace(' ', ' port ');
    this.#set(cluster, new Set(this.#ejections.get(cluster)).add(key), `endpoint ${where} of cluster ${cluster} is ejected for ${Math.round(ms / 1000)} s: ${most} connects in a row failed`);
  }

  #timesOf(history: History | undefined, { intervalMs }: OutlierDetection): number {
    if (history?.endedAt === undefined) return history?.times ?? 0;
    return Math.max(0, history.times - Math.floor((this.#clock.now() - history.endedAt) / intervalMs));
  }

  #takeBack(cluster: string, key: string): void {
    this.#timers.get(cluster)?.delete(key);
    const history = this.#histories.get(cluster)?.get(key);
    if (history) history.endedAt = this.#clock.now();
    const left = new Set(this.#ejections.get(cluster));
    left.delete(key);
    this.#set(cluster, left, `endpoint ${key.replace(' ', ' port ')} of cluster ${cluster} gets connections again`);
  }

  #set(cluster: string, ejected: ReadonlySet<string>, what: string): void {
    const ejections = new Map(this.#ejections);
    if (ejected.size === 0) ejections.delete(cluster);
    else ejections.set(cluster, ejected);
    this.#ejections = ejections;
    this.#onChange(what);
  }
}
