// SPDX-License-Identifier: Apache-2.0
/** Short ways to write the records of a small mesh. */
import type { ClusterRecord, EndpointRecord, FrontendRecord, Operation } from '../../daemon/diff/operations.js';
import { aliasTable } from '../../daemon/diff/alias.js';
import { ENUMS, NO_LIMIT, type ReasonName } from '../../daemon/maps/layout.js';
import type { Backend } from './stage.js';

const reasonNumber = (reason: ReasonName): number => ENUMS.km_reason[reason];

export interface ClusterSpec {
  readonly v4?: readonly Backend[];
  readonly v6?: readonly Backend[];
  /** Of the endpoints, in order; equal when left out. */
  readonly weights?: readonly number[];
  readonly lb?: ClusterRecord['lb'];
  readonly kind?: ClusterRecord['kind'];
  readonly max?: number;
  readonly reason?: ReasonName;
  readonly panic?: boolean;
}

/** Id of the endpoint at a place of a cluster's list. */
export const endpointId = (cluster: number, family: 4 | 6, place: number): number => cluster * 1000 + family * 100 + place;

function slots(cluster: number, family: 4 | 6, backends: readonly Backend[], weights: readonly number[]): Operation[] {
  const records = backends.map((b, place): EndpointRecord => ({ address: b.address, port: b.port, endpointId: endpointId(cluster, family, place) }));
  const table = aliasTable(weights.slice(0, backends.length));
  return [
    ...records.map((r): Operation => ({ op: 'put', map: 'km_endpoint_state', key: r.endpointId, value: null })),
    ...records.map((primary, index): Operation => {
      const { alias, threshold } = table[index]!;
      return { op: 'put', map: 'km_slot', key: { clusterId: cluster, family, index }, value: { primary, alias: records[alias]!, threshold } };
    }),
  ];
}

export function clusterRecord(spec: ClusterSpec): ClusterRecord {
  return {
    slots4: spec.v4?.length ?? 0,
    slots6: spec.v6?.length ?? 0,
    maxConnections: spec.max ?? NO_LIMIT,
    kind: spec.kind ?? 'endpoints',
    lb: spec.lb ?? 'round_robin',
    reason: reasonNumber(spec.reason ?? 'no_endpoints'),
    panic: spec.panic ?? false,
  };
}

export function cluster(id: number, spec: ClusterSpec): Operation[] {
  const equal = Array.from({ length: 1000 }, () => 1);
  return [
    { op: 'put', map: 'km_cluster_state', key: id, value: null },
    ...slots(id, 4, spec.v4 ?? [], spec.weights ?? equal),
    ...slots(id, 6, spec.v6 ?? [], spec.weights ?? equal),
    { op: 'put', map: 'km_cluster', key: id, value: clusterRecord(spec) },
  ];
}

/** A split over clusters with weights. */
export function split(id: number, arms: readonly { readonly cluster: number; readonly weight: number }[]): Operation[] {
  return aliasTable(arms.map((arm) => arm.weight)).map(({ alias, threshold }, index) => ({
    op: 'put',
    map: 'km_split',
    key: { splitId: id, index },
    value: { clusterId: arms[index]!.cluster, aliasClusterId: arms[alias]!.cluster, threshold },
  }));
}

export type TargetSpec =
  | { readonly cluster: number }
  | { readonly split: number; readonly n: number }
  | { readonly pass: ReasonName }
  | { readonly refuse: ReasonName };

function record(listenerId: number, target: TargetSpec, routes: number): FrontendRecord {
  const base = { listenerId, target: 0, n: 0, routes, reason: 0 };
  if ('cluster' in target) return { ...base, kind: 'cluster', target: target.cluster };
  if ('split' in target) return { ...base, kind: 'split', target: target.split, n: target.n };
  if ('pass' in target) return { ...base, kind: 'pass', reason: reasonNumber(target.pass) };
  return { ...base, kind: 'refuse', reason: reasonNumber(target.refuse) };
}

/** A listener on an address (`10.96.0.1`), a range or a wildcard (`10.96.0.0/16`, `::/0`), and its counters. */
export function frontend(listenerId: number, where: string, port: number, target: TargetSpec, routes = 0): Operation[] {
  const [address = '', length] = where.split('/');
  const family = address.includes(':') ? 6 : 4;
  const whole = family === 4 ? 32 : 128;
  const prefixLength = length === undefined ? whole : Number(length);
  return [
    { op: 'put', map: 'km_listener_state', key: listenerId, value: null },
    {
      op: 'put',
      map: prefixLength === whole ? 'km_listener' : 'km_prefix',
      key: { family, address, prefixLength, port },
      value: record(listenerId, target, routes),
    },
  ];
}
