// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import { sweep } from '../membership/sweep.js';
import type { Enrolled } from './enrolled.js';
import type { KnownNetns } from './knownNetns.js';
import type { Netns } from './netns.js';
import type { PodStore } from './podStore.js';
import { livingNamespaces } from './processes.js';

export interface SweeperParts {
  readonly store: PodStore;
  readonly known: KnownNetns;
  readonly enrolled: Enrolled;
  readonly proc: string;
  readonly readNetns: (path: string) => Netns;
  readonly log: Logger;
  readonly everyMs: number | undefined;
  /** Called after each sweep. */
  readonly swept: () => void;
}

/** Longer than a pod needs from its plugin's call to its first process. */
const EVERY_MS = 30_000;

/** Takes out of the set what belongs to no pod in the mesh any more, and forgets namespaces of pods that are gone. */
export class Sweeper {
  readonly #parts: SweeperParts;
  #timer: NodeJS.Timeout | undefined;
  #orphans: ReadonlySet<bigint> = new Set();
  /** Pods that the API server did not know at the sweep before. */
  #strangers: ReadonlySet<string> = new Set();
  #sweeping = false;
  #failure: string | undefined;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => this.now(), this.#parts.everyMs ?? EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  now(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    void this.#sweep()
      .catch((error: unknown) => this.#failed(messageOf(error)))
      .finally(() => {
        this.#sweeping = false;
        this.#parts.swept();
      });
  }

  /** Said once: it is tried every half minute. */
  #failed(reason: string): void {
    if (this.#failure !== reason) this.#parts.log.warn(`network namespaces that are gone could not be swept: ${reason}`);
    this.#failure = reason;
  }

  async #sweep(): Promise<void> {
    const { store, known, enrolled, log } = this.#parts;
    const certain = store.synced && !store.isMissing(known);
    const owned = this.#owned();
    const suspects = [...enrolled.cookies].some((cookie) => this.#orphans.has(cookie) && !owned.has(cookie));
    const alive = suspects && !certain ? await this.#alive() : new Set<bigint>();
    const { remove, orphans } = sweep({ set: enrolled.cookies, owned, before: this.#orphans, certain, alive });
    for (const cookie of remove) enrolled.remove(cookie);
    if (remove.length > 0) log.info({ cookies: remove.map(String) }, `${remove.length} network namespaces that belong to no pod in the mesh were taken out of it`);
    this.#orphans = orphans;
    if (store.synced) this.#forgetStrangers();
  }

  /** Before the API server has told all, whatever a plugin told of in this process's time counts as a pod in the mesh. */
  #owned(): Set<bigint> {
    const { store, known } = this.#parts;
    const members = [...known.entries].filter(([uid]) => {
      const pod = store.find(uid);
      return pod === undefined ? !store.synced : store.membership(pod).inMesh;
    });
    return new Set(members.map(([, { netns }]) => netns.cookie));
  }

  #forgetStrangers(): void {
    const { store, known } = this.#parts;
    const strangers = [...known.entries].map(([uid]) => uid).filter((uid) => store.find(uid) === undefined);
    for (const uid of strangers) if (this.#strangers.has(uid)) known.delete(uid);
    this.#strangers = new Set(strangers);
  }

  async #alive(): Promise<Set<bigint>> {
    const { proc, readNetns } = this.#parts;
    const cookies = new Set<bigint>();
    for (const path of await livingNamespaces(proc)) {
      try {
        cookies.add(readNetns(path).cookie);
      } catch (error) {
        // Ended meanwhile. What cannot be looked at is not known to be gone.
        if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
    return cookies;
  }
}
