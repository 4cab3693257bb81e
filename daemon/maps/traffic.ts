// SPDX-License-Identifier: Apache-2.0
import { reasonName, STRUCTS } from './layout.js';
import type { BpfMap } from './map.js';

/** Bytes of connections that have ended, by TCP's own count: a SYN and a FIN are a byte each (struct km_traffic). */
export interface Traffic {
  /** By clients, and acknowledged. */
  readonly sent: number;
  /** By clients. */
  readonly received: number;
}

/** Connections by the name of their reason, or by its number where that has none here. */
export type Outcomes = Readonly<Record<string, number>>;

const TRAFFIC = STRUCTS.km_traffic.fields;
const OUTCOME = STRUCTS.km_outcome_key.fields;

/** By cluster id. @throws DataplaneError KM_MAP_ACCESS */
export function readTraffic(map: BpfMap): Map<number, Traffic> {
  const traffic = new Map<number, Traffic>();
  map.each((keys, key, values, value) => {
    const at = (offset: number): number => Number(values.readBigUInt64LE(value + offset));
    traffic.set(keys.readUInt32LE(key), { sent: at(TRAFFIC.sent), received: at(TRAFFIC.received) });
  });
  return traffic;
}

/** By listener id. @throws DataplaneError KM_MAP_ACCESS */
export function readOutcomes(map: BpfMap): Map<number, Outcomes> {
  const outcomes = new Map<number, Record<string, number>>();
  map.each((keys, key, values, value) => {
    const listener = keys.readUInt32LE(key + OUTCOME.listener_id);
    const reason = keys.readUInt32LE(key + OUTCOME.reason);
    const known = outcomes.get(listener) ?? {};
    outcomes.set(listener, known);
    known[reasonName(reason) ?? `#${reason}`] = Number(values.readBigUInt64LE(value));
  });
  return outcomes;
}

/** Takes out what was counted for ids that nobody has any more. @param id offset of it in a key. @throws DataplaneError KM_MAP_ACCESS */
export function sweepCounts(map: BpfMap, id: number, inUse: ReadonlySet<number>): void {
  const gone: Buffer[] = [];
  map.each((keys, key) => {
    if (!inUse.has(keys.readUInt32LE(key + id))) gone.push(Buffer.from(keys.subarray(key, key + map.keySize)));
  });
  for (const key of gone) map.delete(key);
}
