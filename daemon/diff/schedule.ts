// SPDX-License-Identifier: Apache-2.0
import type { Automaton } from '../model/routing/regex/automaton.js';
import type { IdAllocator, NextIds } from './ids.js';
import { afterBarrier } from './operations.js';
import type {
  ClusterRecord,
  DomainRecordKey,
  FrontendRecord,
  FrontendRecordKey,
  NameKey,
  Operation,
  PlannedOperation,
  RoutesRecord,
  SlotKey,
  SlotRecord,
  SplitKey,
  SplitRecord,
  StepTable,
  VhostRecord,
} from './operations.js';

type StateMap = 'km_listener_state' | 'km_cluster_state' | 'km_endpoint_state';

/** What a plan does, in order: `written` brings it into force; `removed` is what nothing leads to then, after a grace period. */
export interface Scheduled {
  /** In parts, as they were collected: at a load they are hundreds of thousands. */
  readonly written: readonly (readonly PlannedOperation[])[];
  readonly removed: readonly PlannedOperation[];
  /** How many operations both are; each step of a program is one. */
  readonly count: number;
  /** To be removed by a later plan. */
  readonly retained: readonly Operation[];
}

/**
 * Collects the operations of one plan and puts them in the order in which a lookup never meets a hole:
 * what is pointed at is written before what points at it, and removed after it, with a grace period in between
 * for the lookups that still hold the old pointer.
 */
export class Schedule {
  readonly #names: Operation[] = [];
  readonly #states: Operation[] = [];
  readonly #slots: Operation[] = [];
  readonly #clusters: Operation[] = [];
  readonly #splits: Operation[] = [];
  readonly #automata: Operation[] = [];
  readonly #programs: PlannedOperation[] = [];
  readonly #vhosts: Operation[] = [];
  readonly #domains: Operation[] = [];
  readonly #routes: Operation[] = [];
  readonly #frontendSplits: Operation[] = [];
  readonly #frontends: Operation[] = [];
  readonly #withdrawn: Operation[] = [];
  readonly #withdrawnDomains: Operation[] = [];
  readonly #emptied: Operation[] = [];
  readonly #oldRoutes: Operation[] = [];
  readonly #oldDomains: Operation[] = [];
  readonly #oldVhosts: Operation[] = [];
  readonly #oldPrograms: PlannedOperation[] = [];
  readonly #oldAutomata: Operation[] = [];
  readonly #oldSplits: Operation[] = [];
  readonly #oldClusters: Operation[] = [];
  readonly #oldSlots: Operation[] = [];
  readonly #oldStates: Operation[] = [];
  readonly #oldNames: Operation[] = [];

  name(key: NameKey, value: string): void {
    this.#names.push({ op: 'put', map: 'km_name', key, value });
  }

  state(map: StateMap, id: number): void {
    this.#states.push({ op: 'put', map, key: id, value: null });
  }

  slot(key: SlotKey, value: SlotRecord): void {
    this.#slots.push({ op: 'put', map: 'km_slot', key, value });
  }

  cluster(id: number, value: ClusterRecord): void {
    this.#clusters.push({ op: 'put', map: 'km_cluster', key: id, value });
  }

  /** A cluster that serves less than before. Written when the frontends that leave it in the same plan have left. */
  emptiedCluster(id: number, value: ClusterRecord): void {
    this.#emptied.push({ op: 'put', map: 'km_cluster', key: id, value });
  }

  /** Of a route. */
  split(key: SplitKey, value: SplitRecord): void {
    this.#splits.push({ op: 'put', map: 'km_split', key, value });
  }

  /** Of a frontend: it may change in place, and does so when the route tables are as they are to be. */
  frontendSplit(key: SplitKey, value: SplitRecord): void {
    this.#frontendSplits.push({ op: 'put', map: 'km_split', key, value });
  }

  automaton(id: number, value: Automaton): void {
    this.#automata.push({ op: 'put', map: 'km_automaton', key: id, value });
  }

  program(program: number, steps: StepTable): void {
    this.#programs.push({ op: 'put program', program, steps });
  }

  vhost(id: number, value: VhostRecord): void {
    this.#vhosts.push({ op: 'put', map: 'km_vhost', key: id, value });
  }

  /** Domains of one table come in the order in which they are looked up. */
  domain(key: DomainRecordKey, vhost: number): void {
    this.#domains.push({ op: 'put', map: domainMap(key), key, value: vhost });
  }

  /** A table that is new, or whose domain `*` leads to another virtual host: looked up after all other domains. */
  routes(id: number, value: RoutesRecord): void {
    this.#routes.push({ op: 'put', map: 'km_routes', key: id, value });
  }

  frontend(key: FrontendRecordKey, value: FrontendRecord): void {
    this.#frontends.push({ op: 'put', map: frontendMap(key), key, value });
  }

  removeFrontend(key: FrontendRecordKey): void {
    this.#withdrawn.push({ op: 'delete', map: frontendMap(key), key });
  }

  /** A table that loses its domain `*`: before its other domains, which come in the reverse order of their look-up. */
  withdrawAny(id: number, value: RoutesRecord): void {
    this.#withdrawnDomains.push({ op: 'put', map: 'km_routes', key: id, value });
  }

  removeDomain(key: DomainRecordKey): void {
    this.#withdrawnDomains.push({ op: 'delete', map: domainMap(key), key });
  }

  removeRoutes(id: number): void {
    this.#oldRoutes.push({ op: 'delete', map: 'km_routes', key: id });
  }

  /** A domain of a table that goes as a whole: nobody looks for it any more. */
  removeOldDomain(key: DomainRecordKey): void {
    this.#oldDomains.push({ op: 'delete', map: domainMap(key), key });
  }

  removeVhost(id: number): void {
    this.#oldVhosts.push({ op: 'delete', map: 'km_vhost', key: id });
  }

  removeProgram(program: number, steps: StepTable): void {
    this.#oldPrograms.push({ op: 'delete program', program, steps });
  }

  removeAutomaton(id: number): void {
    this.#oldAutomata.push({ op: 'delete', map: 'km_automaton', key: id });
  }

  removeSplit(key: SplitKey): void {
    this.#oldSplits.push({ op: 'delete', map: 'km_split', key });
  }

  removeCluster(id: number): void {
    this.#oldClusters.push({ op: 'delete', map: 'km_cluster', key: id });
  }

  removeSlot(key: SlotKey): void {
    this.#oldSlots.push({ op: 'delete', map: 'km_slot', key });
  }

  removeState(map: StateMap, id: number): void {
    this.#oldStates.push({ op: 'delete', map, key: id });
  }

  removeName(key: NameKey): void {
    this.#oldNames.push({ op: 'delete', map: 'km_name', key });
  }

  /**
   * @param missing counters to write and @param orphans entries to remove that were left by an unclean stop, or retained.
   * @param ids after this plan.
   * @param keep retains counters and names, which programs with other maps may use.
   */
  finish(missing: readonly Operation[], orphans: readonly Operation[], ids: IdAllocator, keep: boolean): Scheduled {
    const nextIds = ids.next;
    const routes = [this.#splits, this.#automata, this.#programs, this.#vhosts, this.#domains, this.#routes, this.#withdrawnDomains];
    const frontends = [this.#frontendSplits, this.#frontends, this.#withdrawn];
    const written = [this.#names, missing, this.#states, this.#slots, this.#clusters, ...routes, ...frontends, this.#emptied];
    const oldRoutes = [this.#oldRoutes, this.#oldDomains, this.#oldVhosts, this.#oldPrograms, this.#oldAutomata];
    const left = orphans.filter((operation) => !isRevived(operation, ids));
    const old = [...oldRoutes, this.#oldSplits, this.#oldClusters, this.#oldSlots, this.#oldStates, this.#oldNames, left].flat();
    const retained = old.filter((operation): operation is Operation => removesLastId(operation, nextIds) || (keep && isShared(operation)));
    const staying = new Set<PlannedOperation>(retained);
    const removed = retained.length === 0 ? old : old.filter((operation) => !staying.has(operation));
    const steps = [this.#programs, this.#oldPrograms].flat().reduce((sum, operation) => sum + ('steps' in operation ? operation.steps.length - 1 : 0), 0);
    const count = written.reduce((sum, { length }) => sum + length, 0) + afterBarrier(removed).length + steps;
    return { written, removed, count, retained };
  }
}

/**
 * The counters of the id that was given out last stay until a higher one is there: after a restart the maps are all
 * that tells which ids were given out, and a socket that outlives its endpoint must not count for another one.
 */
function removesLastId(operation: PlannedOperation, nextIds: NextIds): boolean {
  if (operation.op !== 'delete') return false;
  if (operation.map === 'km_listener_state') return operation.key === nextIds.listener - 1;
  if (operation.map === 'km_cluster_state') return operation.key === nextIds.cluster - 1;
  return operation.map === 'km_endpoint_state' && operation.key === nextIds.endpoint - 1;
}

/** Whether an entry without an owner has one again. */
function isRevived(operation: Operation, { revived }: IdAllocator): boolean {
  if (operation.op !== 'delete') return false;
  if (operation.map === 'km_listener_state') return revived.listener.has(operation.key);
  if (operation.map === 'km_cluster_state') return revived.cluster.has(operation.key);
  if (operation.map !== 'km_name') return false;
  const { kind, id } = operation.key;
  return (kind === 'listener' || kind === 'cluster') && revived[kind].has(id);
}

/** Counters and names are the same maps in every layout. */
const isShared = (operation: PlannedOperation): boolean => 'map' in operation && (operation.map === 'km_name' || operation.map.endsWith('_state'));

const FULL_LENGTH = { 4: 32, 6: 128 } as const;

function domainMap({ kind }: DomainRecordKey): 'km_domain' | 'km_wild' {
  return kind === 'exact' ? 'km_domain' : 'km_wild';
}

function frontendMap(key: FrontendRecordKey): 'km_listener' | 'km_prefix' {
  return key.prefixLength === FULL_LENGTH[key.family] ? 'km_listener' : 'km_prefix';
}
