// SPDX-License-Identifier: Apache-2.0
import type { MapName } from '../diff/operations.js';
import * as clusters from './clusterCodecs.js';
import { idKey } from './codec.js';
import * as frontends from './frontendCodecs.js';
import * as names from './nameCodecs.js';
import { cookieKey, podCounters } from './podCodecs.js';
import * as routes from './routeCodecs.js';
import { automaton } from './automatonCodec.js';
import { step } from './stepCodec.js';
import * as states from './stateCodecs.js';

/** How many entries the maps get; fixed when a map is created. */
export interface MapSizes {
  /** Exact addresses. */
  readonly listeners: number;
  /** Wildcards and ranges. */
  readonly prefixes: number;
  readonly clusters: number;
  /** Endpoints of all clusters and families. */
  readonly endpoints: number;
  /** Arms of all weighted clusters. */
  readonly splits: number;
  readonly routeTables: number;
  /** Virtual hosts of all route tables. */
  readonly virtualHosts: number;
  /** Host names of all virtual hosts. */
  readonly domains: number;
  /** Steps of the programs of all virtual hosts. */
  readonly routeSteps: number;
  /** Regular expressions of all routes. */
  readonly automata: number;
  /** Pods in the mesh. */
  readonly pods: number;
}

/** Flags of BPF_MAP_UPDATE_ELEM (uapi bpf.h). */
const BPF_ANY = 0;
const BPF_NOEXIST = 1;
export const BPF_F_LOCK = 4;

/** Values that end in a lock are written in place under it: see layout.h. */
const IN_PLACE = BPF_F_LOCK;
/** A counter entry that is there keeps what the programs counted. */
const ONCE = BPF_NOEXIST;

/**
 * The maps that the daemon writes: form of keys and values, flags of a write, number of entries, and the option
 * that sets it.
 */
export const RECORDS = {
  km_listener: { key: frontends.listenerKey, value: frontends.listenerEntry, flags: IN_PLACE, entries: (s) => s.listeners, option: '--max-listeners' },
  km_prefix: { key: frontends.prefixKey, value: frontends.listener, flags: BPF_ANY, entries: (s) => s.prefixes, option: '--max-prefixes' },
  km_split: { key: frontends.splitKey, value: frontends.split, flags: IN_PLACE, entries: (s) => s.splits, option: '--max-splits' },
  km_cluster: { key: idKey, value: clusters.cluster, flags: IN_PLACE, entries: (s) => s.clusters, option: '--max-clusters' },
  km_slot: { key: clusters.slotKey, value: clusters.slot, flags: IN_PLACE, entries: (s) => s.endpoints, option: '--max-endpoints' },
  km_routes: { key: idKey, value: routes.routes, flags: IN_PLACE, entries: (s) => s.routeTables, option: '--max-route-tables' },
  km_domain: { key: routes.domainKey, value: routes.domain, flags: IN_PLACE, entries: (s) => s.domains, option: '--max-domains' },
  km_wild: { key: routes.wildKey, value: routes.wild, flags: BPF_ANY, entries: (s) => s.domains, option: '--max-domains' },
  km_vhost: { key: idKey, value: routes.vhost, flags: IN_PLACE, entries: (s) => s.virtualHosts, option: '--max-virtual-hosts' },
  // Without a lock: no step is written twice.
  km_step: { key: routes.stepKey, value: step, flags: BPF_ANY, entries: (s) => s.routeSteps, option: '--max-route-steps' },
  // The same.
  km_automaton: { key: idKey, value: automaton, flags: BPF_ANY, entries: (s) => s.automata, option: '--max-automata' },
  km_listener_state: { key: idKey, value: states.listenerState, flags: ONCE, entries: (s) => s.listeners + s.prefixes, option: '--max-listeners' },
  km_cluster_state: { key: idKey, value: states.clusterState, flags: ONCE, entries: (s) => s.clusters, option: '--max-clusters' },
  km_endpoint_state: { key: idKey, value: states.endpointState, flags: ONCE, entries: (s) => s.endpoints, option: '--max-endpoints' },
  km_pod: { key: cookieKey, value: podCounters, flags: ONCE, entries: (s) => s.pods, option: '--max-pods' },
  km_name: { key: names.nameKey, value: names.name, flags: BPF_ANY, entries: namesOf, option: '--max-clusters' },
} as const satisfies Record<RecordName, RecordSpec>;

function namesOf(s: MapSizes): number {
  return s.listeners + s.prefixes + s.clusters + s.routeTables + s.virtualHosts;
}

interface RecordSpec {
  readonly key: { readonly size: number };
  readonly value: { readonly size: number };
  readonly flags: number;
  readonly entries: (sizes: MapSizes) => number;
  readonly option: string;
}

/** What the configuration becomes, and the set of managed pods. */
export type RecordName = MapName | 'km_pod';

export const MAP_NAMES = Object.keys(RECORDS) as readonly RecordName[];

/** Maps of the object that the programs alone write. They are pinned too: sockets outlive the daemon. */
export const PROGRAM_MAP_NAMES = ['km_reason', 'km_sock', 'km_l7', 'km_request', 'km_failures', 'km_traffic', 'km_outcome'] as const;

/**
 * The maps that the sets of all layouts have in common: what is known of sockets, what they are counted in, the names of the ids that
 * stand in both, and the managed pods. docs/decisions/0013 says what follows for whoever changes them.
 */
export const SHARED_MAP_NAMES = ['km_sock', 'km_reason', 'km_l7', 'km_listener_state', 'km_cluster_state', 'km_endpoint_state', 'km_failures', 'km_traffic', 'km_outcome', 'km_name', 'km_pod'] as const satisfies readonly AnyMapName[];

export type AnyMapName = RecordName | (typeof PROGRAM_MAP_NAMES)[number];

export const ALL_MAP_NAMES: readonly AnyMapName[] = [...MAP_NAMES, ...PROGRAM_MAP_NAMES];
