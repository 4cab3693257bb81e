// SPDX-License-Identifier: Apache-2.0
/**
 * Map operations: what daemon/diff produces and daemon/maps carries out, in order.
 * The records mirror the structs of bpf/include/kmesh/layout.h field by field.
 */

export type MapName =
  | 'km_listener'
  | 'km_prefix'
  | 'km_split'
  | 'km_cluster'
  | 'km_slot'
  | 'km_listener_state'
  | 'km_cluster_state'
  | 'km_endpoint_state'
  | 'km_name';

/** struct km_listener_key; struct km_prefix_key when prefixLength is shorter than the address. */
export interface FrontendRecordKey {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefixLength: number;
  readonly port: number;
}

export type TargetKind = 'cluster' | 'split' | 'pass' | 'refuse';

/** struct km_listener. */
export interface FrontendRecord {
  readonly listenerId: number;
  readonly kind: TargetKind;
  /** Cluster id or split id; 0 for pass and refuse. */
  readonly target: number;
  /** Slots of the split; 0 otherwise. */
  readonly n: number;
  /** Id of the route table that requests are routed by; 0: they are not read. */
  readonly routes: number;
  /** Number of `enum km_reason`. */
  readonly reason: number;
}

/** struct km_split. */
export interface SplitRecord {
  readonly clusterId: number;
  readonly aliasClusterId: number;
  /** 0 to 0xffffffff. */
  readonly threshold: number;
}

/** struct km_cluster. */
export interface ClusterRecord {
  readonly slots4: number;
  readonly slots6: number;
  /** 0xffffffff: no limit. */
  readonly maxConnections: number;
  readonly kind: 'endpoints' | 'pass' | 'refuse';
  readonly lb: 'round_robin' | 'random' | 'least_request';
  readonly reason: number;
  readonly panic: boolean;
}

/** struct km_endpoint. */
export interface EndpointRecord {
  readonly address: string;
  readonly port: number;
  readonly endpointId: number;
}

/** struct km_slot. */
export interface SlotRecord {
  readonly primary: EndpointRecord;
  readonly alias: EndpointRecord;
  readonly threshold: number;
}

export interface SplitKey {
  readonly splitId: number;
  readonly index: number;
}

export interface SlotKey {
  readonly clusterId: number;
  readonly family: 4 | 6;
  readonly index: number;
}

export interface NameKey {
  readonly kind: 'listener' | 'cluster' | 'routes' | 'vhost';
  readonly id: number;
}

export type Operation =
  | { readonly op: 'put'; readonly map: 'km_listener' | 'km_prefix'; readonly key: FrontendRecordKey; readonly value: FrontendRecord }
  | { readonly op: 'put'; readonly map: 'km_split'; readonly key: SplitKey; readonly value: SplitRecord }
  | { readonly op: 'put'; readonly map: 'km_cluster'; readonly key: number; readonly value: ClusterRecord }
  | { readonly op: 'put'; readonly map: 'km_slot'; readonly key: SlotKey; readonly value: SlotRecord }
  /** A counter entry, all zero. Never overwrites an entry that is there. */
  | { readonly op: 'put'; readonly map: 'km_listener_state' | 'km_cluster_state' | 'km_endpoint_state'; readonly key: number; readonly value: null }
  | { readonly op: 'put'; readonly map: 'km_name'; readonly key: NameKey; readonly value: string }
  | { readonly op: 'delete'; readonly map: 'km_listener' | 'km_prefix'; readonly key: FrontendRecordKey }
  | { readonly op: 'delete'; readonly map: 'km_split'; readonly key: SplitKey }
  | { readonly op: 'delete'; readonly map: 'km_slot'; readonly key: SlotKey }
  | { readonly op: 'delete'; readonly map: 'km_cluster' | 'km_listener_state' | 'km_cluster_state' | 'km_endpoint_state'; readonly key: number }
  | { readonly op: 'delete'; readonly map: 'km_name'; readonly key: NameKey }
  /** Wait until no program run that began before this point is still going (an RCU grace period). */
  | { readonly op: 'barrier' };

/**
 * Everything that the maps hold, decoded: what maps/ reads back after a restart, and what diff/ keeps as
 * its picture of the kernel between two changes.
 */
export interface MapContents {
  readonly frontends: readonly { readonly key: FrontendRecordKey; readonly value: FrontendRecord }[];
  readonly splits: readonly { readonly key: SplitKey; readonly value: SplitRecord }[];
  readonly clusters: readonly { readonly id: number; readonly value: ClusterRecord }[];
  readonly slots: readonly { readonly key: SlotKey; readonly value: SlotRecord }[];
  readonly names: readonly { readonly key: NameKey; readonly name: string }[];
  /** Ids that have counter entries, so that orphans of a crash between two writes are swept. */
  readonly states: { readonly listeners: readonly number[]; readonly clusters: readonly number[]; readonly endpoints: readonly number[] };
}
