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
}

/** Ids are u32; 0 means "none" (KM_CLUSTER_UNKNOWN). */
export const FIRST_ID = 1;
const LAST_ID = 0xffffffff;

/** Hands out ids from `next` on. */
export class IdAllocator {
  readonly #next: { -readonly [K in keyof NextIds]: number };

  constructor(next: NextIds) {
    this.#next = { ...next };
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
