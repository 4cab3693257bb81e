// SPDX-License-Identifier: Apache-2.0
import type { HostDomain, RouteProgram, RouteTable } from '../model/routeTable.js';
import type { ShardedMap } from '../model/shardedMap.js';
import type { Cluster, Frontend, MeshModel } from '../model/types.js';
import type { AutomatonImage } from './automata.js';
import type { NamedIds, NextIds } from './ids.js';
import type { ClusterRecord, FrontendRecord, FrontendRecordKey, Operation, SlotRecord, SplitRecord, StepTable } from './operations.js';

/** A table of slots as the kernel holds it; undefined where a slot is missing (only after an unclean stop). */
export type Table<T> = readonly (T | undefined)[];

/** A listener that frontends name. */
export interface ListenerImage {
  readonly id: number;
  /** How many frontends of the image name it: its counters go with the last one. */
  readonly frontends: number;
}

export interface ClusterImage {
  readonly id: number;
  readonly record: ClusterRecord;
  readonly slots4: Table<SlotRecord>;
  readonly slots6: Table<SlotRecord>;
  /** What it was written from; undefined when it was adopted. */
  readonly source: Cluster | undefined;
}

export interface FrontendImage {
  readonly key: FrontendRecordKey;
  readonly record: FrontendRecord;
  /** Stored name of its listener. */
  readonly listener: string;
  /** Slots of the split that `record.target` names; empty for other kinds. */
  readonly split: Table<SplitRecord>;
  /** What it was written from; undefined when it was adopted. */
  readonly source: Frontend | undefined;
}

/** The steps of a virtual host, under an id of their own. */
export interface ProgramImage {
  readonly id: number;
  readonly steps: StepTable;
  /** Slots of the splits that its steps lead to, by split id. */
  readonly splits: ReadonlyMap<number, Table<SplitRecord>>;
  /** Stored names of the clusters that it leads to; empty when it was adopted. */
  readonly clusters: readonly string[];
  /** Expressions whose automata found no room: nobody decides them. */
  readonly roomless: readonly string[];
  /** What it was written from; undefined when it was adopted. */
  readonly source: RouteProgram | undefined;
}

export interface VhostImage {
  readonly id: number;
  /** Not empty, and no other virtual host of the table has one of them. */
  readonly domains: readonly HostDomain[];
  readonly program: ProgramImage;
}

export interface RouteTableImage {
  readonly id: number;
  readonly ignorePort: boolean;
  /** By stored name. */
  readonly vhosts: ReadonlyMap<string, VhostImage>;
  /** Whether one of its programs is. */
  readonly roomless: boolean;
  /** What it was written from; undefined when it was adopted. */
  readonly source: RouteTable | undefined;
}

/**
 * The picture of the kernel's maps between two plans. Immutable: a plan gives a new image that shares what did
 * not change, and the old one stays true until the operations were carried out.
 */
export interface Image {
  /** By `frontendKey`. */
  readonly frontends: ReadonlyMap<string, FrontendImage>;
  /** By stored name, see `storedName`. */
  readonly listeners: ReadonlyMap<string, ListenerImage>;
  /** By stored name. */
  readonly clusters: ShardedMap<ClusterImage>;
  /** By stored name. */
  readonly routeTables: ReadonlyMap<string, RouteTableImage>;
  /** By `automatonKey`. */
  readonly automata: ReadonlyMap<string, AutomatonImage>;
  /** What of the model these are, when they are exactly that: what is the same again needs no look at each. */
  readonly sources: { readonly frontends: MeshModel['frontends'] | undefined; readonly clusters: MeshModel['clusters'] | undefined };
  readonly nextIds: NextIds;
  /** Of `orphans`: who comes back by its name has its counters again. */
  readonly namedIds: NamedIds;
  /** Counters that an unclean stop left out: written by the next plan. */
  readonly missing: readonly Operation[];
  /** Entries that nothing leads to: removed by a later plan. */
  readonly orphans: readonly Operation[];
}
