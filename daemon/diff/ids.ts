// SPDX-License-Identifier: Apache-2.0

/** The next id to give out, per kind. Ids are never given out twice, so that counters and sockets keep their meaning. */
export interface NextIds {
  readonly listener: number;
  readonly cluster: number;
  readonly endpoint: number;
  readonly split: number;
  /** Route tables, their virtual hosts, and the programs of those. */
  readonly routes: number;
  readonly vhost: number;
  readonly program: number;
  readonly automaton: number;
}

/** Ids are u32; 0 means "none" (KM_CLUSTER_UNKNOWN). */
export const FIRST_ID = 1;
const LAST_ID = 0xffffffff;

/** Ids by stored name that are in km_name, though no record of the maps has them: those of another map layout may. */
export interface NamedIds {
  readonly listener: ReadonlyMap<string, number>;
  readonly cluster: ReadonlyMap<string, number>;
}

export const NO_NAMED_IDS: NamedIds = { listener: new Map(), cluster: new Map() };

/** Hands out ids from `next` on; to a listener or a cluster that has one by its name, that one. */
export class IdAllocator {
  readonly #next: { -readonly [K in keyof NextIds]: number };
  readonly #named: NamedIds;
  readonly #revived = { listener: new Set<number>(), cluster: new Set<number>() };

  constructor(next: NextIds, named: NamedIds) {
    this.#next = { ...next };
    this.#named = named;
  }

  takeFor(kind: keyof NamedIds, storedName: string): number {
    const id = this.#named[kind].get(storedName);
    if (id === undefined) return this.take(kind);
    this.#revived[kind].add(id);
    return id;
  }

  /** The ids that were handed out by name. */
  get revived(): Readonly<Record<keyof NamedIds, ReadonlySet<number>>> {
    return this.#revived;
  }

  take(kind: keyof NextIds): number {
    const id = this.#next[kind];
    if (id > LAST_ID) throw new RangeError(`all ${kind} ids are used up: remove the pinned maps (kmesh-daemon --cleanup) and start again`);
    this.#next[kind] = id + 1;
    return id;
  }

  get next(): NextIds {
    return { ...this.#next };
  }
}
