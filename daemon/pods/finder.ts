// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../errors.js';
import type { PodFacts } from '../membership/podFacts.js';
import type { KnownNetns } from './knownNetns.js';
import type { Netns } from './netns.js';
import { kubeletUid, type PodStore } from './podStore.js';
import { firstProcesses, netnsPath, podOf } from './processes.js';

export interface FinderParts {
  readonly store: PodStore;
  readonly known: KnownNetns;
  readonly proc: string;
  readonly readNetns: (path: string) => Netns;
  /** undefined: all could be entered. */
  readonly trouble: (reason: string | undefined) => void;
  /** More namespaces are known. */
  readonly found: () => void;
}

const FIRST_MS = 500;
const LONGEST_MS = 5000;

/**
 * Finds the network namespaces of pods of which no plugin told: those that were there before the daemon, or started while it was away. It
 * looks once at all pods, and from then on while a pod in the mesh runs whose namespace is not known.
 */
export class Finder {
  readonly #parts: FinderParts;
  #timer: NodeJS.Timeout | undefined;
  #waitMs = FIRST_MS;
  #looking = false;
  #lookedOnce = false;
  #stopped = false;

  constructor(parts: FinderParts) {
    this.#parts = parts;
  }

  /** To be called when pods have changed. */
  look(): void {
    if (this.#stopped || this.#looking) return;
    if (!this.#lookedOnce) void this.#find();
    else if (this.#parts.store.isMissing(this.#parts.known)) this.#timer ??= setTimeout(() => void this.#find(), this.#nextWait());
    else this.#rest();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waitMs = FIRST_MS;
  }

  #nextWait(): number {
    const wait = this.#waitMs;
    this.#waitMs = Math.min(LONGEST_MS, 2 * wait);
    return wait;
  }

  async #find(): Promise<void> {
    const { store, known, proc, readNetns } = this.#parts;
    this.#timer = undefined;
    this.#looking = true;
    const wanted = new Set([...store.pods].filter(mayHaveNetns).map(kubeletUid).filter((uid) => known.get(uid) === undefined));
    let trouble: string | undefined;
    try {
      for (const [uid, pid] of await firstProcesses(proc, wanted)) {
        try {
          const netns = readNetns(netnsPath(proc, pid));
          // The process may have ended, and its pid be another's; and the plugin may have told meanwhile.
          if (podOf(proc, pid) === uid && known.get(uid) === undefined) known.set(uid, { netns, from: 'process', containerId: undefined });
        } catch (error) {
          if (podOf(proc, pid) === uid) trouble = `process ${pid} of pod ${uid}: ${messageOf(error)}`;
        }
      }
    } catch (error) {
      trouble = messageOf(error);
    } finally {
      this.#looking = false;
      this.#lookedOnce = true;
    }
    if (this.#stopped) return;
    this.#parts.trouble(trouble);
    this.#parts.found();
  }
}

const mayHaveNetns = ({ hostNetwork, phase }: PodFacts): boolean => !hostNetwork && phase !== 'Succeeded' && phase !== 'Failed';
