// SPDX-License-Identifier: Apache-2.0
import type { Netns } from './netns.js';

export interface Known {
  readonly netns: Netns;
  /** Who told it: kmesh-cni, or a process of the pod. */
  readonly from: 'cni' | 'process';
  /** Of the sandbox; undefined: a process told it. */
  readonly containerId: string | undefined;
}

/** The network namespaces of pods, by the pod's uid to the kubelet. */
export class KnownNetns {
  readonly #byUid = new Map<string, Known>();

  get(uid: string): Known | undefined {
    return this.#byUid.get(uid);
  }

  set(uid: string, known: Known): void {
    this.#byUid.set(uid, known);
  }

  delete(uid: string): void {
    this.#byUid.delete(uid);
  }

  get entries(): Iterable<readonly [string, Known]> {
    return this.#byUid.entries();
  }

  /** The pod whose sandbox has a namespace or an id. */
  uidOf(containerId: string, cookie: bigint | undefined): string | undefined {
    for (const [uid, known] of this.#byUid) if (known.containerId === containerId || known.netns.cookie === cookie) return uid;
    return undefined;
  }
}
