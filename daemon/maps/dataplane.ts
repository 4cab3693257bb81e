// SPDX-License-Identifier: Apache-2.0
import type { MapContents, MapName, PlannedOperation } from '../diff/operations.js';
import { attachHooks, type AttachedHook } from './attach.js';
import { learnNetnsCookie } from './learn.js';
import { forgetFailures, readFailures, type Failures } from './failures.js';
import { closeObject, loadObject, type LoadedObject, type Manage } from './load.js';
import { pinMaps, type KeptSize } from './mapSet.js';
import { KMESH_MODULE, readModule, readModuleCounters, type ModulePlace, type ModuleState } from './module.js';
import { otherMapsFolders, checkPinRoot, removeMaps } from './pins.js';
import { PodSet } from './podSet.js';
import { readContents, readCounters, readServiceCounters, readTotals, type Counters, type ServiceCounters, type Totals } from './read.js';
import { MAP_NAMES, type MapSizes } from './records.js';
import { Requests, type L7State } from './requests.js';
import { STRUCTS } from './layout.js';
import { sweepCounts } from './traffic.js';
import { applyOperations } from './write.js';

export { DATAPLANE_ERRORS, DataplaneError, type DataplaneErrorCode } from './errors.js';
export { removePins, type RemovedPins } from './pins.js';
export type { AttachedHook } from './attach.js';
export type { Failures } from './failures.js';
export type { Outcomes, Traffic } from './traffic.js';
export type { Manage } from './load.js';
export type { KeptSize } from './mapSet.js';
export { reasonName } from './layout.js';
export type { PodCounters } from './podCodecs.js';
export type { PodSet } from './podSet.js';
export type { Counters, ServiceCounters, Totals } from './read.js';
export type { MapSizes } from './records.js';
export type { L7State } from './requests.js';

export interface DataplaneOptions {
  /** The compiled `kmesh.bpf.o`. */
  readonly objectFile: string;
  /** Folder of a cgroup2 hierarchy: processes in it and below are steered. */
  readonly cgroupPath: string;
  /** Folder in a BPF file system for links and maps, for example `/sys/fs/bpf/bpf_kmesh`. */
  readonly pinRoot: string;
  readonly sizes: MapSizes;
  /** Processes with this real group id are never steered. */
  readonly ownGid: number;
  readonly manage: Manage;
  /** Where kmesh.ko is found; its own place when left out. */
  readonly module?: ModulePlace;
}

/** What kmesh.ko says of itself. */
export interface ModuleView extends ModuleState {
  readonly counters: Readonly<Record<string, number>>;
}

/** The programs and maps of this node. */
export class Dataplane {
  readonly #options: DataplaneOptions;
  readonly #module: ModulePlace;
  readonly #loaded: LoadedObject;
  readonly #requests: Requests;
  /** The pods in the mesh; no program looks at them with `manage` all. */
  readonly pods: PodSet;
  #pinned: boolean;

  private constructor(options: DataplaneOptions, loaded: LoadedObject) {
    const { object, maps, requestsRefused } = loaded;
    this.#options = options;
    this.#module = options.module ?? KMESH_MODULE;
    this.#loaded = loaded;
    this.#pinned = loaded.adopted;
    this.pods = new PodSet(maps.km_pod);
    this.#requests = new Requests({ object, map: maps.km_request, pinRoot: options.pinRoot, module: this.#module, refused: requestsRefused });
  }

  /**
   * Loads the programs and opens the maps: those that an earlier process pinned, or new ones. What steers
   * connections now goes on unchanged until `attach`.
   *
   * @throws DataplaneError
   */
  static open(options: DataplaneOptions): Dataplane {
    checkPinRoot(options.pinRoot);
    return new Dataplane(options, loadObject(options, options.ownGid, options.manage));
  }

  /** The maps hold what an earlier process wrote. */
  get adopted(): boolean {
    return this.#loaded.adopted;
  }

  /** The maps are new, but for those of sockets, counters and names, which the programs of another layout use, too. */
  get sharing(): boolean {
    return this.#loaded.sharing;
  }

  /** Why no pod can be told from another, where that was asked for; undefined: they can. */
  get podsRefused(): string | undefined {
    return this.#loaded.podsRefused;
  }

  /**
   * The cookie of the network namespace of a datagram socket that `connect` connects, for kernels that do not tell it by a socket option.
   *
   * @param connect returns the cookie of the socket
   * @returns undefined when no program saw it: this process is outside of the hierarchy of cgroups
   * @throws DataplaneError
   */
  learnNetnsCookie(connect: () => bigint): bigint | undefined {
    return learnNetnsCookie(this.#loaded.object, this.#options.cgroupPath, connect);
  }

  /** Automata that the maps take. */
  get mostAutomata(): number {
    return this.#loaded.maps.km_automaton.maxEntries;
  }

  /** Adopted maps whose size is not the one asked for. */
  get keptSizes(): readonly KeptSize[] {
    return this.#loaded.keptSizes;
  }

  /**
   * Brings the programs into force, in the place of those of an earlier process where there are some. With new
   * maps, write them first: programs that meet empty maps let all connections pass, and the next process adopts what
   * is pinned here.
   *
   * @throws DataplaneError
   */
  attach(): AttachedHook[] {
    const { cgroupPath, pinRoot } = this.#options;
    if (!this.#pinned) pinMaps(this.#loaded.declared, pinRoot);
    this.#pinned = true;
    const attached = this.#requests.replace(() => attachHooks(this.#loaded.object, cgroupPath, pinRoot));
    for (const folder of otherMapsFolders(this.#options.pinRoot)) removeMaps(folder);
    return attached;
  }

  /** Whether connections are routed by their requests. */
  get l7(): L7State {
    return this.#requests.state;
  }

  /** Looks whether kmesh.ko came or went, and follows. To be called now and then, after `attach`. */
  followModule(): L7State {
    return this.#requests.update();
  }

  /** undefined: kmesh.ko is not loaded. */
  module(): ModuleView | undefined {
    const state = readModule(this.#module);
    return state && { ...state, counters: readModuleCounters(this.#module) };
  }

  /** Everything that the maps hold. @throws DataplaneError */
  read(): MapContents {
    return readContents(this.#loaded.maps);
  }

  /** Writes to the maps, in order. After an error `read` tells what was done. @throws DataplaneError */
  apply(operations: Iterable<PlannedOperation>): Promise<void> {
    return applyOperations(this.#loaded.maps, operations);
  }

  /** @throws DataplaneError */
  totals(): Totals {
    return readTotals(this.#loaded.maps);
  }

  /** Of every listener and cluster. @throws DataplaneError */
  serviceCounters(): ServiceCounters {
    return readServiceCounters(this.#loaded.maps);
  }

  /** Connects that failed, of the endpoints in trouble, by endpoint id. @throws DataplaneError */
  failures(): Map<number, Failures> {
    return readFailures(this.#loaded.maps.km_failures);
  }

  /** Counts the failures of these endpoints from zero. @throws DataplaneError */
  forgetFailures(endpointIds: Iterable<number>): void {
    forgetFailures(this.#loaded.maps.km_failures, endpointIds);
  }

  /** Takes out what was counted for listeners and clusters with other ids than these. @throws DataplaneError */
  sweepCounts(listeners: ReadonlySet<number>, clusters: ReadonlySet<number>): void {
    sweepCounts(this.#loaded.maps.km_outcome, STRUCTS.km_outcome_key.fields.listener_id, listeners);
    sweepCounts(this.#loaded.maps.km_traffic, 0, clusters);
  }

  /** Entries that each map takes. */
  get capacities(): Readonly<Record<MapName, number>> {
    return Object.fromEntries(MAP_NAMES.map((name) => [name, this.#loaded.maps[name].maxEntries])) as Record<MapName, number>;
  }

  /** Of every listener, cluster and endpoint too. @throws DataplaneError */
  counters(): Counters {
    return readCounters(this.#loaded.maps);
  }

  /** Gives up this process's handles. What is attached goes on with the maps as they are. */
  close(): void {
    closeObject(this.#loaded.object);
  }
}
