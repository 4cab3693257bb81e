// SPDX-License-Identifier: Apache-2.0
import { DataplaneError } from './errors.js';
import type { BpfMap } from './map.js';
import { cookieKey, podCounters, type PodCounters } from './podCodecs.js';
import { RECORDS } from './records.js';

/** The network namespaces whose connections are steered, by cookie: map km_pod. */
export class PodSet {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** One that is there keeps its counters. @throws DataplaneError KM_MAP_FULL, KM_MAP_ACCESS */
  add(cookie: bigint): void {
    const { value, flags, option } = RECORDS.km_pod;
    try {
      this.#map.put(key(cookie), Buffer.alloc(value.size), 1, flags);
    } catch (error) {
      if (!(error instanceof DataplaneError) || error.code !== 'KM_MAP_FULL') throw error;
      throw new DataplaneError('KM_MAP_FULL', `${error.message}; the option is ${option}`, { cause: error });
    }
  }

  /** Connections that stand go on. @throws DataplaneError KM_MAP_ACCESS */
  remove(cookie: bigint): void {
    this.#map.delete(key(cookie));
  }

  /** @throws DataplaneError KM_MAP_ACCESS */
  entries(): Map<bigint, PodCounters> {
    const found = new Map<bigint, PodCounters>();
    this.#map.each((keys, at, values, value) => void found.set(cookieKey.read(keys, at), podCounters.read(values, value)));
    return found;
  }
}

function key(cookie: bigint): Buffer {
  const bytes = Buffer.alloc(cookieKey.size);
  cookieKey.write(cookie, bytes, 0);
  return bytes;
}
