// SPDX-License-Identifier: Apache-2.0
import type { MapContents, MapName, StepKey, StepRecord, StoredStep } from '../diff/operations.js';
import type { Codec } from './codec.js';
import { DataplaneError } from './errors.js';
import { call } from './libbpf.js';
import { ENUMS, type L7EventName, type ReasonName } from './layout.js';
import type { BpfMap } from './map.js';
import { RECORDS, type AnyMapName } from './records.js';
import type { ClusterCounters, EndpointCounters, ListenerCounters } from './stateCodecs.js';
import { readOutcomes, readTraffic, type Outcomes, type Traffic } from './traffic.js';

type Maps = Readonly<Record<AnyMapName, BpfMap>>;

/** Sums of the node; how many there are does not depend on the mesh. */
export interface Totals {
  /** Connections by what became of them, all reasons. */
  readonly reasons: Readonly<Record<ReasonName, number>>;
  /** Requests by what became of them. */
  readonly l7: Readonly<Record<L7EventName, number>>;
}

export interface ServiceCounters {
  /** By listener id. */
  readonly listeners: ReadonlyMap<number, ListenerCounters>;
  /** By listener id the connections that were not simply steered, by reason. */
  readonly outcomes: ReadonlyMap<number, Outcomes>;
  /** By cluster id. */
  readonly clusters: ReadonlyMap<number, ClusterCounters>;
  /** By cluster id the bytes of its connections that have ended. */
  readonly traffic: ReadonlyMap<number, Traffic>;
}

export interface Counters extends Totals, ServiceCounters {
  /** By endpoint id. */
  readonly endpoints: ReadonlyMap<number, EndpointCounters>;
}

/** @throws DataplaneError KM_MAP_ACCESS, also for a record that no version of this layout writes. */
export function readContents(maps: Maps): MapContents {
  return {
    frontends: [...pairs(maps, 'km_listener', RECORDS.km_listener), ...pairs(maps, 'km_prefix', RECORDS.km_prefix)].map(([key, value]) => ({ key, value })),
    splits: pairs(maps, 'km_split', RECORDS.km_split).map(([key, value]) => ({ key, value })),
    clusters: pairs(maps, 'km_cluster', RECORDS.km_cluster).map(([id, value]) => ({ id, value })),
    slots: pairs(maps, 'km_slot', RECORDS.km_slot).map(([key, value]) => ({ key, value })),
    routes: pairs(maps, 'km_routes', RECORDS.km_routes).map(([id, value]) => ({ id, value })),
    domains: [...pairs(maps, 'km_domain', RECORDS.km_domain), ...pairs(maps, 'km_wild', RECORDS.km_wild)].map(([key, vhost]) => ({ key, vhost })),
    vhosts: pairs(maps, 'km_vhost', RECORDS.km_vhost).map(([id, value]) => ({ id, value })),
    steps: storedSteps(maps),
    automata: pairs(maps, 'km_automaton', RECORDS.km_automaton).map(([id, value]) => ({ id, value })),
    names: pairs(maps, 'km_name', RECORDS.km_name).map(([key, name]) => ({ key, name })),
    states: {
      listeners: pairs(maps, 'km_listener_state', RECORDS.km_listener_state).map(([id]) => id),
      clusters: pairs(maps, 'km_cluster_state', RECORDS.km_cluster_state).map(([id]) => id),
      endpoints: pairs(maps, 'km_endpoint_state', RECORDS.km_endpoint_state).map(([id]) => id),
    },
  };
}

/** @throws DataplaneError KM_MAP_ACCESS. */
export function readCounters(maps: Maps): Counters {
  return { ...readServiceCounters(maps), endpoints: new Map(pairs(maps, 'km_endpoint_state', RECORDS.km_endpoint_state)), ...readTotals(maps) };
}

/** @throws DataplaneError KM_MAP_ACCESS. */
export function readServiceCounters(maps: Maps): ServiceCounters {
  return {
    listeners: new Map(pairs(maps, 'km_listener_state', RECORDS.km_listener_state)),
    clusters: new Map(pairs(maps, 'km_cluster_state', RECORDS.km_cluster_state)),
    traffic: readTraffic(maps.km_traffic),
    outcomes: readOutcomes(maps.km_outcome),
  };
}

/** @throws DataplaneError KM_MAP_ACCESS. */
export function readTotals(maps: Maps): Totals {
  return { reasons: readPerCpu(maps.km_reason, ENUMS.km_reason), l7: readPerCpu(maps.km_l7, ENUMS.km_l7_event) };
}

function pairs<K, V>(maps: Maps, name: MapName, codecs: { readonly key: Codec<K>; readonly value: { read: Codec<V>['read'] } }): [K, V][] {
  const found: [K, V][] = [];
  maps[name].each((keys, key, values, value) => {
    try {
      found.push([codecs.key.read(keys, key), codecs.value.read(values, value)]);
    } catch (error) {
      throw new DataplaneError('KM_MAP_ACCESS', `a record of ${name} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  });
  return found;
}

/** Each is read once, to know that it can be, and kept as its bytes. */
function storedSteps(maps: Maps): StoredStep[] {
  const { key, value } = RECORDS.km_step;
  return pairs(maps, 'km_step', { key, value: { read: (from: Buffer, at: number) => ({ op: value.read(from, at).op, text: bytesAt(from, at, value.size) }) } }).map(([at, { op, text }]) => new HeldStep(at, op, text));
}

/** Without the zeros at its end, of which most of a step is. */
function bytesAt(from: Buffer, at: number, size: number): string {
  let end = at + size;
  while (end > at && from[end - 1] === 0) end -= 1;
  return from.toString('latin1', at, end);
}

class HeldStep implements StoredStep {
  readonly op: StoredStep['op'];
  readonly #program: number;
  readonly #index: number;
  readonly #text: string;

  constructor({ program, index }: StepKey, op: StoredStep['op'], text: string) {
    this.op = op;
    this.#program = program;
    this.#index = index;
    this.#text = text;
  }

  get key(): StepKey {
    return { program: this.#program, index: this.#index };
  }

  get value(): StepRecord {
    const { value } = RECORDS.km_step;
    const bytes = Buffer.alloc(value.size);
    bytes.write(this.#text, 'latin1');
    return value.read(bytes, 0);
  }
}

/** Sums of all CPUs, by name. */
function readPerCpu<Name extends string>(map: BpfMap, numbers: Readonly<Record<Name, number>>): Record<Name, number> {
  const cpus = call('libbpf_num_possible_cpus');
  const key = Buffer.alloc(map.keySize);
  const counts = Object.entries<number>(numbers).map(([name, number]) => {
    key.writeUInt32LE(number);
    const values = map.lookup(key, cpus * map.valueSize);
    let sum = 0;
    for (let at = 0; at < values.length; at += map.valueSize) sum += Number(values.readBigUInt64LE(at));
    return [name, sum] as const;
  });
  return Object.fromEntries(counts) as Record<Name, number>;
}
