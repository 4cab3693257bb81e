// SPDX-License-Identifier: Apache-2.0
import { namespaceFacts, podFacts, type PodFacts } from '../membership/podFacts.js';
import { decideMembership, type Membership } from '../membership/rule.js';
import type { KnownNetns } from './knownNetns.js';

/** The name of a pod to the kubelet: its uid, or for a static pod the hash of its configuration. */
export const kubeletUid = ({ uid, cgroupUid }: PodFacts): string => cgroupUid ?? uid;

/** The pods of this node and the namespaces that have the label of the mode, as the API server told them last. */
export class PodStore {
  /** By the uid of the API server. */
  readonly #pods = new Map<string, PodFacts>();
  readonly #byKubelet = new Map<string, PodFacts>();
  readonly #modes = new Map<string, string | undefined>();
  #podsTold = false;
  #namespacesTold = false;

  /** All pods and namespaces were told once. */
  get synced(): boolean {
    return this.#podsTold && this.#namespacesTold;
  }

  get pods(): Iterable<PodFacts> {
    return this.#pods.values();
  }

  /** By its uid to the kubelet. */
  find(uid: string): PodFacts | undefined {
    return this.#byKubelet.get(uid);
  }

  findByName(namespace: string, name: string): PodFacts | undefined {
    return [...this.#pods.values()].find((pod) => pod.namespace === namespace && pod.name === name);
  }

  membership(pod: PodFacts): Membership {
    return decideMembership(pod, this.#modes.get(pod.namespace));
  }

  /** Whether the label of a namespace is known, or known not to be there. */
  knowsNamespace(name: string): boolean {
    return this.#namespacesTold || this.#modes.has(name);
  }

  /** Whether a pod in the mesh runs whose network namespace is not known. One that does not run yet is told by its plugin, or runs later. */
  isMissing(known: KnownNetns): boolean {
    return [...this.#pods.values()].some((pod) => pod.phase === 'Running' && known.get(kubeletUid(pod)) === undefined && this.membership(pod).inMesh);
  }

  replacePods(objects: readonly unknown[]): void {
    this.#pods.clear();
    this.#byKubelet.clear();
    for (const object of objects) this.setPod(object);
    this.#podsTold = true;
  }

  /** @returns what was known of it before, and what is now; undefined: it is no pod */
  setPod(object: unknown): { readonly before: PodFacts | undefined; readonly now: PodFacts } | undefined {
    const now = parsed(podFacts, object);
    if (now === undefined) return undefined;
    const before = this.#pods.get(now.uid);
    if (before !== undefined) this.#byKubelet.delete(kubeletUid(before));
    this.#pods.set(now.uid, now);
    this.#byKubelet.set(kubeletUid(now), now);
    return { before, now };
  }

  /** @returns the pod that is gone */
  deletePod(object: unknown): PodFacts | undefined {
    const gone = parsed(podFacts, object);
    const known = gone && this.#pods.get(gone.uid);
    if (known === undefined) return undefined;
    this.#pods.delete(known.uid);
    this.#byKubelet.delete(kubeletUid(known));
    return known;
  }

  replaceNamespaces(objects: readonly unknown[]): void {
    this.#modes.clear();
    for (const object of objects) this.setNamespace(object);
    this.#namespacesTold = true;
  }

  setNamespace(object: unknown): void {
    const found = parsed(namespaceFacts, object);
    if (found !== undefined) this.#modes.set(found.name, found.mode);
  }

  /** Gone, or without the label. */
  deleteNamespace(object: unknown): void {
    const found = parsed(namespaceFacts, object);
    if (found !== undefined) this.#modes.delete(found.name);
  }
}

/** What the API server sends and is none is left out: one broken object must not hide the others. */
function parsed<T>(parse: (object: unknown) => T, object: unknown): T | undefined {
  try {
    return parse(object);
  } catch {
    return undefined;
  }
}
