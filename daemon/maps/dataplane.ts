// SPDX-License-Identifier: Apache-2.0
import type { MapContents, Operation } from '../diff/operations.js';
import { attachHooks, type AttachedHook } from './attach.js';
import { closeObject, loadObject, type KeptSize, type LoadedObject } from './load.js';
import { otherMapsFolders, checkPinRoot, removeMaps } from './pins.js';
import { readContents, readCounters, type Counters } from './read.js';
import type { MapSizes } from './records.js';
import { applyOperations } from './write.js';

export { DATAPLANE_ERRORS, DataplaneError, type DataplaneErrorCode } from './errors.js';
export { removePins, type RemovedPins } from './pins.js';
export type { AttachedHook } from './attach.js';
export type { KeptSize } from './load.js';
export { reasonName } from './layout.js';
export type { Counters } from './read.js';
export type { MapSizes } from './records.js';

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
}

/** The programs and maps of this node. */
export class Dataplane {
  readonly #options: DataplaneOptions;
  readonly #loaded: LoadedObject;

  private constructor(options: DataplaneOptions, loaded: LoadedObject) {
    this.#options = options;
    this.#loaded = loaded;
  }

  /**
   * Loads the programs and opens the maps: those that an earlier process pinned, or new ones. What steers
   * connections now goes on unchanged until `attach`.
   *
   * @throws DataplaneError
   */
  static open(options: DataplaneOptions): Dataplane {
    checkPinRoot(options.pinRoot);
    return new Dataplane(options, loadObject(options.objectFile, options.pinRoot, options.sizes, options.ownGid));
  }

  /** The maps hold what an earlier process wrote. */
  get adopted(): boolean {
    return this.#loaded.adopted;
  }

  /** Adopted maps whose size is not the one asked for. */
  get keptSizes(): readonly KeptSize[] {
    return this.#loaded.keptSizes;
  }

  /**
   * Brings the programs into force, in the place of those of an earlier process where there are some. With new
   * maps, write them first: programs that meet empty maps let all connections pass.
   *
   * @throws DataplaneError
   */
  attach(): AttachedHook[] {
    const attached = attachHooks(this.#loaded.object, this.#options.cgroupPath, this.#options.pinRoot);
    for (const folder of otherMapsFolders(this.#options.pinRoot)) removeMaps(folder);
    return attached;
  }

  /** Everything that the maps hold. @throws DataplaneError */
  read(): MapContents {
    return readContents(this.#loaded.maps);
  }

  /** Writes to the maps, in order. After an error `read` tells what was done. @throws DataplaneError */
  apply(operations: readonly Operation[]): Promise<void> {
    return applyOperations(this.#loaded.maps, operations);
  }

  /** @throws DataplaneError */
  counters(): Counters {
    return readCounters(this.#loaded.maps);
  }

  /** Gives up this process's handles. What is attached goes on with the maps as they are. */
  close(): void {
    closeObject(this.#loaded.object);
  }
}
