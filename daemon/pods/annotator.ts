// SPDX-License-Identifier: Apache-2.0
import { KubeError } from '../kube/errors.js';
import type { KubeClient } from '../kube/client.js';
import type { PodFacts } from '../membership/podFacts.js';
import { annotate } from './annotate.js';

const TIMEOUT_MS = 10_000;
const AT_ONCE = 4;

/** Puts the annotation of Kmesh on pods that are in the mesh, and takes it from those that are not. */
export class Annotator {
  readonly #client: Pick<KubeClient, 'patch'>;
  readonly #onTrouble: (error: KubeError | undefined) => void;
  readonly #waiting = new Map<string, { readonly pod: PodFacts; readonly value: boolean }>();
  /** By uid what was written last; the watch tells it a moment later. */
  readonly #written = new Map<string, boolean>();
  #running = 0;
  #stopped = false;

  constructor(client: Pick<KubeClient, 'patch'>, onTrouble: (error: KubeError | undefined) => void) {
    this.#client = client;
    this.#onTrouble = onTrouble;
  }

  /** What failed is tried when it is wanted again. */
  want(pod: PodFacts, value: boolean): void {
    const current = this.#written.get(pod.uid) ?? pod.redirection;
    if (current === value) this.#waiting.delete(pod.uid);
    else this.#waiting.set(pod.uid, { pod, value });
    while (!this.#stopped && this.#running < AT_ONCE && this.#waiting.size > 0) void this.#work();
  }

  /** The watch has told the pod anew, or that it is gone. */
  told({ uid }: PodFacts): void {
    this.#written.delete(uid);
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting.clear();
  }

  async #work(): Promise<void> {
    this.#running += 1;
    for (const [uid, { pod, value }] of this.#waiting) {
      this.#waiting.delete(uid);
      await this.#write(pod, value);
      if (this.#stopped) break;
    }
    this.#running -= 1;
  }

  async #write(pod: PodFacts, value: boolean): Promise<void> {
    this.#written.set(pod.uid, value);
    try {
      // false: it is gone meanwhile.
      if (await annotate(this.#client, pod, value, TIMEOUT_MS)) this.#onTrouble(undefined);
    } catch (error) {
      this.#written.delete(pod.uid);
      this.#onTrouble(KubeError.from(error));
    }
  }
}
