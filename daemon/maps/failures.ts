// SPDX-License-Identifier: Apache-2.0
import { STRUCTS } from './layout.js';
import type { BpfMap } from './map.js';

/** Connects to an endpoint that failed (struct km_failures). */
export interface Failures {
  /** In a row up to now; 0 when the last one went well. */
  readonly inRow: number;
  /** Most in a row since the entry was made. */
  readonly most: number;
}

const { fields } = STRUCTS.km_failures;

/** Those of the endpoints in trouble, by endpoint id. @throws DataplaneError KM_MAP_ACCESS */
export function readFailures(map: BpfMap): Map<number, Failures> {
  const failures = new Map<number, Failures>();
  map.each((keys, key, values, value) => {
    failures.set(keys.readUInt32LE(key), { inRow: values.readUInt32LE(value + fields.in_row), most: values.readUInt32LE(value + fields.most) });
  });
  return failures;
}

/** Takes entries out; programs make them anew. @throws DataplaneError KM_MAP_ACCESS */
export function forgetFailures(map: BpfMap, endpointIds: Iterable<number>): void {
  const key = Buffer.alloc(map.keySize);
  for (const id of endpointIds) {
    key.writeUInt32LE(id);
    map.delete(key);
  }
}
