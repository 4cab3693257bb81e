// SPDX-License-Identifier: Apache-2.0
import type { ClusterRecord, EndpointRecord, MapContents, SlotRecord, TargetRecord } from '../diff/operations.js';
import { reasonName, type Counters } from '../maps/dataplane.js';
import type { EndpointCounters } from '../maps/stateCodecs.js';
import type { Family } from '../model/types.js';
import type { Names } from './names.js';
import { sharesOf } from './shares.js';

/** Where a target leads: by itself, or to clusters, of which each gets a part of the connections. */
export type TargetAnswer = { readonly kind: 'pass'; readonly reason: string } | { readonly kind: 'refuse'; readonly reason: string } | { readonly kind: 'clusters'; readonly clusters: readonly ClusterAnswer[] };

export interface EndpointAnswer {
  readonly address: string;
  readonly port: number;
  /** Its part of the cluster's connections, 0 to 1. */
  readonly share: number;
  readonly counters: EndpointCounters | undefined;
}

export interface ClusterAnswer {
  readonly cluster: string;
  /** Its part of the connections, 0 to 1. */
  readonly share: number;
  /** What becomes of a connection now: a reason of `enum km_reason`. */
  readonly outcome: string;
  readonly policy: ClusterRecord['lb'] | undefined;
  readonly active: number | undefined;
  /** undefined: no limit. */
  readonly maxConnections: number | undefined;
  /** Of the family that the socket takes; empty when it is not steered. */
  readonly endpoints: readonly EndpointAnswer[];
}

/** struct km_cluster: any number. */
const NO_LIMIT = 0xffffffff;

/** Reads where targets lead, for sockets of one family. */
export class TargetReader {
  readonly #contents: MapContents;
  readonly #counters: Counters;
  readonly #names: Names;
  readonly #family: Family;

  constructor(contents: MapContents, counters: Counters, names: Names, family: Family) {
    this.#contents = contents;
    this.#counters = counters;
    this.#names = names;
    this.#family = family;
  }

  read({ kind, target, n, reason }: TargetRecord): TargetAnswer {
    if (kind === 'pass' || kind === 'refuse') return { kind, reason: reasonName(reason) ?? `#${reason}` };
    if (kind === 'cluster') return { kind: 'clusters', clusters: [this.#cluster(target, 1)] };
    const slots = this.#contents.splits.filter(({ key }) => key.splitId === target && key.index < n);
    if (slots.length < n) return { kind: 'pass', reason: 'err_split' };
    const drawn = slots.map(({ value }) => ({ primary: value.clusterId, alias: value.aliasClusterId, threshold: value.threshold }));
    return { kind: 'clusters', clusters: sharesOf(drawn, (id) => id).map(({ item, share }) => this.#cluster(item, share)) };
  }

  #cluster(id: number, share: number): ClusterAnswer {
    const record = this.#contents.clusters.find((one) => one.id === id)?.value;
    const counters = this.#counters.clusters.get(id);
    const limit = record?.maxConnections === NO_LIMIT ? undefined : record?.maxConnections;
    const base = { cluster: id === 0 ? 'unknown' : this.#names.of('cluster', id), share, policy: undefined, active: counters?.active, maxConnections: limit, endpoints: [] };
    if (id === 0) return { ...base, outcome: 'cluster_unknown' };
    if (!record) return { ...base, outcome: 'err_target' };
    const reason = reasonName(record.reason) ?? `#${record.reason}`;
    if (record.kind !== 'endpoints' || record.slots4 + record.slots6 === 0) return { ...base, outcome: reason };
    // An IPv6 socket takes IPv4 endpoints where there are no others; the other way round is not possible.
    const family = this.#family === 6 && record.slots6 > 0 ? 6 : 4;
    const slots = this.#slots(id, family, family === 6 ? record.slots6 : record.slots4);
    if (slots.length === 0) return { ...base, policy: record.lb, outcome: 'family_mismatch' };
    const isFull = limit !== undefined && (counters?.active ?? 0) >= limit;
    const steered = record.panic ? 'steered_panic' : 'steered';
    return { ...base, policy: record.lb, outcome: isFull ? 'max_connections' : steered, endpoints: sharesOf(slots, keyOf).map(({ item, share: part }) => this.#endpoint(item, part)) };
  }

  #slots(clusterId: number, family: Family, n: number): SlotRecord[] {
    return this.#contents.slots.filter(({ key }) => key.clusterId === clusterId && key.family === family && key.index < n).map(({ value }) => value);
  }

  #endpoint({ address, port, endpointId }: EndpointRecord, share: number): EndpointAnswer {
    return { address, port, share, counters: this.#counters.endpoints.get(endpointId) };
  }
}

const keyOf = ({ address, port }: EndpointRecord): string => `${address} ${port}`;
