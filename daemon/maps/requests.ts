// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../errors.js';
import { REQUEST_ABI } from './layout.js';
import type { Pointer } from './libbpf.js';
import type { BpfMap } from './map.js';
import { readModule, type ModulePlace } from './module.js';
import { isRequestLinked, linkRequests, unlinkRequests } from './requestLink.js';

/** Whether connections are routed by their requests on this node, and why, in a few words. */
export interface L7State {
  readonly state: 'on' | 'off';
  readonly reason: string;
}

export interface RequestParts {
  readonly object: Pointer;
  /** km_request. */
  readonly map: BpfMap;
  readonly pinRoot: string;
  readonly module: ModulePlace;
  /** Why the kernel lets no program read requests; undefined when it does. */
  readonly refused: string | undefined;
}

const ON: L7State = { state: 'on', reason: 'kmesh.ko shows the requests to the programs' };
const off = (reason: string): L7State => ({ state: 'off', reason });

/**
 * Follows the coming and going of kmesh.ko: the program that requests are shown to is attached whenever the module is
 * there and takes connections, and never while it is being removed, since the link would hold it.
 */
export class Requests {
  readonly #parts: RequestParts;
  #state = off('the programs are not in force yet');

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  get state(): L7State {
    return this.#state;
  }

  /**
   * Brings the program of this process into force around `attachHooks`, which does so with the connect hooks: the
   * earlier program goes last, so that those that are replaced have its requests to the end.
   */
  replace<T>(attachHooks: () => T): T {
    const obstacle = this.#obstacle();
    if (obstacle !== undefined) {
      this.#state = off(obstacle);
      return attachHooks();
    }
    const giveUpEarlier = this.#link();
    const result = attachHooks();
    giveUpEarlier?.();
    this.#recheck();
    return result;
  }

  /** Attaches when the module has come. To be called now and then. */
  update(): L7State {
    const obstacle = this.#obstacle();
    if (obstacle !== undefined) this.#state = off(obstacle);
    else if (isRequestLinked(this.#parts.pinRoot)) this.#state = ON;
    else {
      this.#link()?.();
      this.#recheck();
    }
    return this.#state;
  }

  /** What stands against requests being read now. */
  #obstacle(): string | undefined {
    const { module: place, refused } = this.#parts;
    if (refused !== undefined) {
      this.#giveUp();
      return `the kernel lets no program read requests: ${refused}`;
    }
    const module = readModule(place);
    if (module === undefined) return 'the kernel module kmesh is not loaded';
    if (module.abi === undefined) return 'the kernel module kmesh that is loaded is not of this project';
    if (module.abi !== REQUEST_ABI) {
      this.#giveUp();
      return `the kernel module kmesh that is loaded has contract ${module.abi}, the programs have ${REQUEST_ABI}`;
    }
    return module.accepting ? undefined : 'the kernel module kmesh takes no connections now';
  }

  /** Nobody reads what the program of an earlier process writes, and its link would hold the module. */
  #giveUp(): void {
    unlinkRequests(this.#parts.pinRoot);
  }

  #link(): (() => void) | undefined {
    const { object, map, module: place, pinRoot } = this.#parts;
    try {
      // Requests that nobody withdrew, because the program went between showing and withdrawing.
      if (!isRequestLinked(pinRoot)) map.clear();
      const giveUpEarlier = linkRequests(object, pinRoot, place.tracepoint);
      this.#state = ON;
      return giveUpEarlier;
    } catch (error) {
      this.#state = off(`the program that reads requests cannot be attached: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** The module may have been told to stop between the look at it and the link: whoever removes it must find no link. */
  #recheck(): void {
    if (this.#state !== ON || readModule(this.#parts.module)?.accepting === true) return;
    this.#giveUp();
    this.#state = off('the kernel module kmesh takes no connections now');
  }
}
