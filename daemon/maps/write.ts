// SPDX-License-Identifier: Apache-2.0
import { setImmediate as nextTurn } from 'node:timers/promises';
import { singly, type MapName, type Operation, type PlannedOperation } from '../diff/operations.js';
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
export async function applyOperations(maps: Maps, operations: Iterable<PlannedOperation>): Promise<void> {
  let began = performance.now();
  for (const run of runsOf(singly(operations))) {
    const first = run[0]!;
    if (first.op === 'barrier') await gracePeriod();
    else if (first.op === 'put') put(maps[first.map], first.map, run as Write[]);
    else remove(maps[first.map], first.map, run as Write[]);
    if (performance.now() - began < SLICE_MS) continue;
    await nextTurn();
    began = performance.now();
  }
}

/** Neighbours that do the same to the same map, at most BATCH; a barrier is one by itself. */
function* runsOf(operations: Iterable<Operation>): Generator<readonly Operation[], void, void> {
  let run: Operation[] = [];
  for (const operation of operations) {
    const [first] = run;
    if (first && (run.length === BATCH || !goesWith(operation, first))) {
      yield run;
      run = [];
    }
    run.push(operation);
  }
  if (run.length > 0) yield run;
}

const goesWith = (operation: Operation, first: Operation): boolean => operation.op !== 'barrier' && first.op === operation.op && first.map === operation.map;

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
