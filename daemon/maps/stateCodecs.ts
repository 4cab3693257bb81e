// SPDX-License-Identifier: Apache-2.0
import type { Codec } from './codec.js';
import { STRUCTS } from './layout.js';

/** What became of the connections to a listener. */
export interface ListenerCounters {
  readonly steered: number;
  readonly passed: number;
  readonly refused: number;
}

export interface ClusterCounters {
  /** Sockets between connect() and close now. */
  readonly active: number;
  readonly steered: number;
  readonly refused: number;
}

export interface EndpointCounters {
  /** Sockets between connect() and close now. */
  readonly active: number;
  readonly steered: number;
  /** Closed without having been established. */
  readonly failed: number;
}

/** A counter entry is written once, as zeros: from then on it is the programs' own. */
function state<T>(size: number, read: Codec<T>['read']): Codec<T, null> {
  return { size, read, write: (_value, to, at) => void to.fill(0, at, at + size) };
}

const count = (from: Buffer, at: number): number => Number(from.readBigUInt64LE(at));
const signed = (from: Buffer, at: number): number => Number(from.readBigInt64LE(at));

const LISTENER = STRUCTS.km_listener_state.fields;
const CLUSTER = STRUCTS.km_cluster_state.fields;
const ENDPOINT = STRUCTS.km_endpoint_state.fields;

export const listenerState = state<ListenerCounters>(STRUCTS.km_listener_state.size, (from, at) => ({
  steered: count(from, at + LISTENER.steered),
  passed: count(from, at + LISTENER.passed),
  refused: count(from, at + LISTENER.refused),
}));

export const clusterState = state<ClusterCounters>(STRUCTS.km_cluster_state.size, (from, at) => ({
  active: signed(from, at + CLUSTER.active),
  steered: count(from, at + CLUSTER.steered),
  refused: count(from, at + CLUSTER.refused),
}));

export const endpointState = state<EndpointCounters>(STRUCTS.km_endpoint_state.size, (from, at) => ({
  active: signed(from, at + ENDPOINT.active),
  steered: count(from, at + ENDPOINT.steered),
  failed: count(from, at + ENDPOINT.failed),
}));
