// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { messageOf } from '../errors.js';
import type { KubeClient } from '../kube/client.js';
import { KubeError } from '../kube/errors.js';
import type { Logger } from '../log.js';
import type { PodFacts } from '../membership/podFacts.js';
import type { CniAnswer, CniRequest, ContainerRequest } from './cniRequest.js';
import type { Enrolled } from './enrolled.js';
import type { Known, KnownNetns } from './knownNetns.js';
import type { Netns } from './netns.js';
import { kubeletUid, type PodStore } from './podStore.js';

export interface CniCallsParts {
  readonly store: PodStore;
  readonly known: KnownNetns;
  readonly enrolled: Enrolled;
  readonly client: Pick<KubeClient, 'get'>;
  readonly proc: string;
  readonly readNetns: (path: string) => Netns;
  readonly log: Logger;
  /** Pods or namespaces changed. */
  readonly changed: () => void;
}

/** Of the second that a plugin has (KM_CNI_DEADLINE_MS). */
const ASK_MS = 700;

const OK: CniAnswer = { result: 'ok' };
const refused = (reason: string): CniAnswer => ({ result: 'refused', reason });

/** Answers kmesh-cni. A pod in the mesh is in the kernel's set before the answer, and so before its first packet. */
export class CniCalls {
  readonly #parts: CniCallsParts;

  constructor(parts: CniCallsParts) {
    this.#parts = parts;
  }

  async answer(request: CniRequest): Promise<CniAnswer> {
    switch (request.command) {
      case 'ADD':
      case 'CHECK':
        return this.#add(request);
      case 'DEL':
        this.#delete(request);
        return OK;
      case 'STATUS':
      case 'GC':
        return OK;
    }
  }

  async #add(request: ContainerRequest): Promise<CniAnswer> {
    // Not by Kubernetes: nothing says that it is in the mesh.
    if (request.pod === undefined) return OK;
    const { store, enrolled, log } = this.#parts;
    const name = `${request.pod.namespace}/${request.pod.name}`;
    const netns = this.#netnsOf(request);
    if (request.pod.uid !== undefined) this.#remember(request.pod.uid, request, netns);
    let pod: PodFacts | undefined;
    try {
      pod = await this.#podOf(request.pod);
    } catch (error) {
      return refused(`whether pod ${name} is in the mesh is not known: ${messageOf(error)}`);
    }
    if (pod === undefined) return OK;
    this.#remember(kubeletUid(pod), request, netns);
    if (!store.membership(pod).inMesh) return OK;
    if ('reason' in netns) return refused(`pod ${name}: ${netns.reason}`);
    const trouble = enrolled.add(netns.cookie);
    if (trouble !== undefined) return refused(`pod ${name}: ${trouble}`);
    log.debug(`pod ${name} is in the mesh`);
    // For its annotation.
    this.#parts.changed();
    return OK;
  }

  /** A namespace that took the place of an earlier one of the pod. */
  #remember(uid: string, { containerId }: ContainerRequest, netns: Netns | { readonly reason: string }): void {
    if ('reason' in netns) return;
    const { known, enrolled } = this.#parts;
    const before = known.get(uid);
    if (before !== undefined && before.netns.cookie !== netns.cookie) enrolled.remove(before.netns.cookie);
    known.set(uid, { netns, from: 'cni', containerId } satisfies Known);
  }

  #netnsOf({ netns }: ContainerRequest): Netns | { readonly reason: string } {
    if (netns?.device === undefined || netns.inode === undefined) return { reason: 'its network namespace could not be entered by kmesh-cni' };
    const { device, inode, cookie, handle } = netns;
    if (cookie !== undefined) return { device, inode, cookie };
    if (handle === undefined) return { reason: 'kmesh-cni told neither the cookie of its network namespace nor a way to it' };
    try {
      // The plugin is on the host, where /proc may be another one than here.
      const found = this.#parts.readNetns(path.join(this.#parts.proc, path.relative('/proc', handle)));
      return found.inode === inode ? found : { reason: 'the network namespace that kmesh-cni named is another one' };
    } catch (error) {
      return { reason: messageOf(error) };
    }
  }

  /** @returns undefined: it is gone already, or another one has its name. @throws KubeError, when the API server must be asked and cannot be */
  async #podOf({ namespace, name, uid }: NonNullable<ContainerRequest['pod']>): Promise<PodFacts | undefined> {
    const { store } = this.#parts;
    const known = uid === undefined ? store.findByName(namespace, name) : store.find(uid);
    const pod = known ?? (await this.#fetchPod(namespace, name, uid));
    if (pod === undefined) return undefined;
    if (pod.mode === undefined && !store.knowsNamespace(namespace)) await this.#fetchNamespace(namespace);
    return pod;
  }

  /** The watch is a moment behind, or was never there. */
  async #fetchPod(namespace: string, name: string, uid: string | undefined): Promise<PodFacts | undefined> {
    return this.#parts.store.setPodOf(uid, await this.#fetch(`/api/v1/namespaces/${namespace}/pods/${name}`));
  }

  async #fetchNamespace(name: string): Promise<void> {
    const object = await this.#fetch(`/api/v1/namespaces/${name}`);
    if (object !== undefined) this.#parts.store.setNamespace(object);
  }

  async #fetch(resource: string): Promise<unknown> {
    const answer = await this.#parts.client.get(resource, ASK_MS);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw KubeError.ofStatus(resource, answer);
    return answer.body;
  }

  #delete({ containerId, netns }: ContainerRequest): void {
    const { known, enrolled } = this.#parts;
    const uid = known.uidOf(containerId, netns?.cookie);
    const cookie = uid === undefined ? netns?.cookie : known.get(uid)?.netns.cookie;
    if (uid !== undefined) known.delete(uid);
    if (cookie !== undefined) enrolled.remove(cookie);
  }
}
