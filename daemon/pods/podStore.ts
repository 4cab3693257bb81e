// SPDX-License-Identifier: Apache-2.0
import { namespaceFacts, podFacts, type PodFacts } from '../membership/podFacts.js';
import { decideMembership, type Membership } from '../membership/rule.js';
import type { KnownNetns } from './knownNetns.js';

/** The name of a pod to the kubelet: its uid, or for a static pod the hash of its configuration. */
export const kubeletUid = ({ uid, cgroupUid }: PodFacts): string => cgroupUid ?? uid;

/** What was known of a pod, and what is told of it now. */
export interface PodChange {
  readonly before: PodFacts | undefined;
  readonly now: PodFacts;
}

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

  /** @returns of each what was known before, and what is now */
  replacePods(objects: readonly unknown[]): readonly PodChange[] {
    const before = new Map(this.#pods);
    this.#pods.clear();
    this.#byKubelet.clear();
    this.#podsTold = true;
    return objects.map((object) => this.#set(object, before)).filter((change) => change !== undefined);
  }

  /** @returns undefined: it is no pod */
  setPod(object: unknown): PodChange | undefined {
    return this.#set(object, this.#pods);
  }

  /** The same, if it is the pod that the kubelet knows by this uid: another one of its name may be that of another node. */
  setPodOf(uid: string | undefined, object: unknown): PodFacts | undefined {
    const told = parsed(podFacts, object);
    if (told === undefined || (uid !== undefined && kubeletUid(told) !== uid)) return undefined;
    return this.setPod(object)?.now;
  }

  #set(object: unknown, known: ReadonlyMap<string, PodFacts>): PodChange | undefined {
    const told = parsed(podFacts, object);
    if (told === undefined) return undefined;
    const before = known.get(told.uid);
    // Between two network namespaces a pod may have no address for a while.
    const now = told.ip === undefined && before?.ip !== undefined ? { ...told, ip: before.ip } : told;
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
