// SPDX-License-Identifier: Apache-2.0
import type { HostDomain, RouteStep } from '../model/routeTable.js';
import type { LbPolicy } from '../model/types.js';
import type { Automaton } from '../model/routing/regex/automaton.js';

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
  | 'km_routes'
  | 'km_domain'
  | 'km_wild'
  | 'km_vhost'
  | 'km_step'
  | 'km_automaton'
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

/** Where struct km_listener and a last step of a program lead. */
export interface TargetRecord {
  readonly kind: TargetKind;
  /** Cluster id or split id; 0 for pass and refuse. */
  readonly target: number;
  /** Slots of the split; 0 otherwise. */
  readonly n: number;
  /** Number of `enum km_reason`. */
  readonly reason: number;
}

/** struct km_listener. */
export interface FrontendRecord extends TargetRecord {
  readonly listenerId: number;
  /** Id of the route table that requests are routed by; 0: they are not read. */
  readonly routes: number;
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
  readonly lb: LbPolicy;
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

/** struct km_routes. */
export interface RoutesRecord {
  /** Id of the virtual host of the domain `*`; 0: none. */
  readonly any: number;
  readonly ignorePort: boolean;
}

/** struct km_domain_key; struct km_wild_key for suffixes and prefixes. */
export interface DomainRecordKey {
  readonly routes: number;
  readonly kind: Exclude<HostDomain['kind'], 'any'>;
  readonly text: string;
}

/** struct km_vhost. */
export interface VhostRecord {
  readonly program: number;
  /** Steps of the program. */
  readonly n: number;
}

/** struct km_step: a step of the model, with the ids of what it leads to. */
export type StepRecord = Exclude<RouteStep, { readonly op: 'target' | 'automaton' }> | (TargetRecord & { readonly op: 'target' }) | AutomatonStep;

export interface AutomatonStep {
  readonly op: 'automaton';
  readonly then: number;
  readonly otherwise: number;
  /** Its id. */
  readonly automaton: number;
}

export interface StepKey {
  readonly program: number;
  readonly index: number;
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
  | { readonly op: 'put'; readonly map: 'km_routes'; readonly key: number; readonly value: RoutesRecord }
  /** The value is the id of a virtual host. */
  | { readonly op: 'put'; readonly map: 'km_domain' | 'km_wild'; readonly key: DomainRecordKey; readonly value: number }
  | { readonly op: 'put'; readonly map: 'km_vhost'; readonly key: number; readonly value: VhostRecord }
  | { readonly op: 'put'; readonly map: 'km_step'; readonly key: StepKey; readonly value: StepRecord }
  | { readonly op: 'put'; readonly map: 'km_automaton'; readonly key: number; readonly value: Automaton }
  /** A counter entry, all zero. Never overwrites an entry that is there. */
  | { readonly op: 'put'; readonly map: 'km_listener_state' | 'km_cluster_state' | 'km_endpoint_state'; readonly key: number; readonly value: null }
  | { readonly op: 'put'; readonly map: 'km_name'; readonly key: NameKey; readonly value: string }
  | { readonly op: 'delete'; readonly map: 'km_listener' | 'km_prefix'; readonly key: FrontendRecordKey }
  | { readonly op: 'delete'; readonly map: 'km_split'; readonly key: SplitKey }
  | { readonly op: 'delete'; readonly map: 'km_slot'; readonly key: SlotKey }
  | { readonly op: 'delete'; readonly map: 'km_domain' | 'km_wild'; readonly key: DomainRecordKey }
  | { readonly op: 'delete'; readonly map: 'km_step'; readonly key: StepKey }
  | { readonly op: 'delete'; readonly map: 'km_routes' | 'km_vhost' | 'km_automaton' | 'km_cluster' | 'km_listener_state' | 'km_cluster_state' | 'km_endpoint_state'; readonly key: number }
  | { readonly op: 'delete'; readonly map: 'km_name'; readonly key: NameKey }
  /** Wait until no program run that began before this point is still going (an RCU grace period). */
  | { readonly op: 'barrier' };

/** A step that is in the maps. Its value may be made anew each time one looks at it: as objects half a million of them take 300 MB. */
export interface StoredStep {
  readonly key: StepKey;
  readonly op: StepRecord['op'];
  readonly value: StepRecord;
}

/** The steps of a program as the kernel holds them. */
export interface StepTable {
  readonly length: number;
  /** May be made anew each time. */
  list(): readonly StepRecord[];
}

/** All steps of a program: as operations by themselves those of 300,000 routes take more memory than all else. */
export type PlannedOperation = Operation | { readonly op: 'put program' | 'delete program'; readonly program: number; readonly steps: StepTable };

/** The operations one by one. */
export function* singly(operations: Iterable<PlannedOperation>): Generator<Operation, void, void> {
  for (const operation of operations) {
    if (!('steps' in operation)) {
      yield operation;
      continue;
    }
    const { op, program } = operation;
    for (const [index, value] of operation.steps.list().entries()) {
      if (op === 'delete program') yield { op: 'delete', map: 'km_step', key: { program, index } };
      else yield { op: 'put', map: 'km_step', key: { program, index }, value };
    }
  }
}

/** Removals as they have to be carried out. */
export const afterBarrier = (removed: readonly PlannedOperation[]): readonly PlannedOperation[] => (removed.length === 0 ? [] : [{ op: 'barrier' }, ...removed]);

/** All operations of a plan's parts. */
export function* inOrder(parts: readonly (readonly PlannedOperation[])[]): Generator<PlannedOperation, void, void> {
  for (const part of parts) yield* part;
}

/**
 * Everything that the maps hold, decoded: what maps/ reads back after a restart, and what diff/ keeps as
 * its picture of the kernel between two changes.
 */
export interface MapContents {
  readonly frontends: readonly { readonly key: FrontendRecordKey; readonly value: FrontendRecord }[];
  readonly splits: readonly { readonly key: SplitKey; readonly value: SplitRecord }[];
  readonly clusters: readonly { readonly id: number; readonly value: ClusterRecord }[];
  readonly slots: readonly { readonly key: SlotKey; readonly value: SlotRecord }[];
  readonly routes: readonly { readonly id: number; readonly value: RoutesRecord }[];
  readonly domains: readonly { readonly key: DomainRecordKey; readonly vhost: number }[];
  readonly vhosts: readonly { readonly id: number; readonly value: VhostRecord }[];
  readonly steps: readonly StoredStep[];
  readonly automata: readonly { readonly id: number; readonly value: Automaton }[];
  readonly names: readonly { readonly key: NameKey; readonly name: string }[];
  /** Ids that have counter entries, so that orphans of a crash between two writes are swept. */
  readonly states: { readonly listeners: readonly number[]; readonly clusters: readonly number[]; readonly endpoints: readonly number[] };
}
