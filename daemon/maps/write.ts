// SPDX-License-Identifier: Apache-2.0
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MapName, Operation } from '../diff/operations.js';
import type { Codec } from './codec.js';
import { DataplaneError } from './errors.js';
import { gracePeriod } from './gracePeriod.js';
import { BATCH, type BpfMap } from './map.js';
import { RECORDS } from './records.js';

/** How long the event loop waits at most, but for the last batch, in milliseconds. */
const SLICE_MS = 10;

type Maps = Readonly<Record<MapName, BpfMap>>;
type Write = Exclude<Operation, { op: 'barrier' }>;

/**
 * Carries out operations in order. Neighbours that write to the same map go to the kernel together; the event
 * loop gets its turn between two such batches when it has waited for long.
 *
 * @throws DataplaneError KM_MAP_FULL, KM_MAP_ACCESS. The operations before it are done, and perhaps a part of its
 *   batch: read the maps to know what is true. Since operations are ordered, connections meet no hole.
 */
export async function applyOperations(maps: Maps, operations: readonly Operation[]): Promise<void> {
  let began = performance.now();
  for (let from = 0; from < operations.length; ) {
    const first = operations[from]!;
    if (first.op === 'barrier') {
      await gracePeriod();
      from += 1;
      continue;
    }
    const to = endOfRun(operations, from, first);
    const run = operations.slice(from, to) as Write[];
    if (first.op === 'put') put(maps[first.map], first.map, run);
    else remove(maps[first.map], first.map, run);
    from = to;
    if (performance.now() - began < SLICE_MS) continue;
    await nextTurn();
    began = performance.now();
  }
}

/** Index behind the operations from `from` on that do the same to the same map, at most BATCH. */
function endOfRun(operations: readonly Operation[], from: number, first: Write): number {
  let to = from + 1;
  while (to < operations.length && to - from < BATCH) {
    const operation = operations[to]!;
    if (operation.op !== first.op || operation.map !== first.map) break;
    to += 1;
  }
  return to;
}

/**
 * The one place where a map's name stands for the types of its keys and values: RECORDS holds the codecs that
 * the type Operation promises for it.
 */
function codecsOf(name: MapName): { key: Codec<unknown>; value: Codec<unknown> } {
  return RECORDS[name] as unknown as { key: Codec<unknown>; value: Codec<unknown> };
}

function put(map: BpfMap, name: MapName, run: readonly Write[]): void {
  const { key, value } = codecsOf(name);
  const keys = Buffer.alloc(run.length * key.size);
  const values = Buffer.alloc(run.length * value.size);
  encode(name, () => {
    for (const [i, operation] of run.entries()) {
      key.write(operation.key, keys, i * key.size);
      if (operation.op === 'put') value.write(operation.value, values, i * value.size);
    }
  });
  try {
    map.put(keys, values, run.length, RECORDS[name].flags);
  } catch (error) {
    if (!(error instanceof DataplaneError) || error.code !== 'KM_MAP_FULL') throw error;
    throw new DataplaneError('KM_MAP_FULL', `${error.message}; the option is ${RECORDS[name].option}`, { cause: error });
  }
}

function remove(map: BpfMap, name: MapName, run: readonly Write[]): void {
  const codec = codecsOf(name).key;
  const key = Buffer.alloc(codec.size);
  for (const operation of run) {
    encode(name, () => codec.write(operation.key, key.fill(0), 0));
    map.delete(key);
  }
}

/** A record that does not fit its struct is an error of the daemon's own, and names the map. */
function encode(name: MapName, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw new DataplaneError('KM_MAP_ACCESS', `a record for ${name} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}
