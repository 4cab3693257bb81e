// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../errors.js';
import type { KubeClient } from '../kube/client.js';
import type { KubeError } from '../kube/errors.js';
import type { Listener } from '../kube/reflector.js';
import type { Logger } from '../log.js';
import type { PodSet } from '../maps/dataplane.js';
import type { PodFacts } from '../membership/podFacts.js';
import { Annotator } from './annotator.js';
import { CniCalls } from './cniCalls.js';
import type { CniAnswer, CniRequest } from './cniRequest.js';
import { Enrolled } from './enrolled.js';
import { Finder } from './finder.js';
import { KnownNetns } from './knownNetns.js';
import type { Netns } from './netns.js';
import { kubeletUid, type PodChange, PodStore } from './podStore.js';
import { Sweeper } from './sweeper.js';
import { Troubles } from './troubles.js';
import { podsView, type PodsView } from './view.js';

export interface PodsParts {
  readonly set: Pick<PodSet, 'add' | 'remove' | 'entries'>;
  readonly client: Pick<KubeClient, 'get' | 'patch'>;
  readonly nodeName: string;
  /** Where the processes of the node are. */
  readonly proc: string;
  readonly readNetns: (path: string) => Netns;
  readonly log: Logger;
  /** Milliseconds between two sweeps; half a minute when left out. */
  readonly sweepMs?: number;
}

/**
 * Keeps the kernel's set of managed network namespaces equal to the pods of this node that are in the mesh. Three tell it of pods: the
 * API server which there are and what their labels say, kmesh-cni in which namespace one is about to start, and the host's /proc where those are that
 * were there before.
 */
export class Pods {
  readonly #log: Logger;
  readonly #nodeName: string;
  readonly #store = new PodStore();
  readonly #known = new KnownNetns();
  readonly #enrolled: Enrolled;
  readonly #annotator: Annotator;
  readonly #troubles: Troubles;
  readonly #finder: Finder;
  readonly #sweeper: Sweeper;
  readonly #cni: CniCalls;
  #soon: NodeJS.Immediate | undefined;
  #told = '';

  constructor({ set, client, nodeName, proc, readNetns, log, sweepMs }: PodsParts) {
    this.#log = log;
    this.#nodeName = nodeName;
    this.#enrolled = new Enrolled(set, log);
    this.#troubles = new Troubles(log);
    this.#annotator = new Annotator(client, (error) => this.#troubles.report('annotations', error));
    const [store, known, enrolled] = [this.#store, this.#known, this.#enrolled];
    const netnsTrouble = (reason: string | undefined): void => this.#troubles.report('namespaces of pods', reason === undefined ? undefined : { code: 'KM_POD_NETNS', message: reason });
    this.#finder = new Finder({ store, known, proc, readNetns, trouble: netnsTrouble, found: () => this.#reconcile() });
    this.#sweeper = new Sweeper({ store, known, enrolled, proc, readNetns, log, everyMs: sweepMs, swept: () => this.#reconcile() });
    this.#cni = new CniCalls({ store, known, enrolled, client, proc, readNetns, log, changed: () => this.#reconcileSoon() });
  }

  start(): void {
    this.#sweeper.start();
  }

  stop(): void {
    clearImmediate(this.#soon);
    this.#finder.stop();
    this.#sweeper.stop();
    this.#annotator.stop();
  }

  /** Answers kmesh-cni. */
  answer(request: CniRequest): Promise<CniAnswer> {
    if (request.command === 'GC') this.#sweeper.now();
    return this.#cni.answer(request);
  }

  /** The pods of this node, from the API server. */
  get podListener(): Listener {
    return {
      replace: (objects) => {
        for (const change of this.#store.replacePods(objects)) this.#changed(change);
        this.#reconcileSoon();
      },
      set: (object) => this.#setPod(object),
      delete: (object) => this.#deletePod(object),
      trouble: (error) => this.#apiTrouble('pods', error),
    };
  }

  /** The namespaces that have the label of the mode, from the API server. */
  get namespaceListener(): Listener {
    const then = <T extends unknown[]>(act: (...args: T) => void) => (...args: T): void => {
      act(...args);
      this.#reconcileSoon();
    };
    return {
      replace: then((objects) => this.#store.replaceNamespaces(objects)),
      set: then((object) => this.#store.setNamespace(object)),
      delete: then((object) => this.#store.deleteNamespace(object)),
      trouble: (error) => this.#apiTrouble('namespaces', error),
    };
  }

  view(): PodsView {
    return podsView({ nodeName: this.#nodeName, store: this.#store, known: this.#known, enrolled: this.#enrolled, troubles: this.#troubles.current });
  }

  #setPod(object: unknown): void {
    const changed = this.#store.setPod(object);
    if (changed === undefined) return;
    this.#changed(changed);
    this.#reconcileSoon();
  }

  #changed({ before, now }: PodChange): void {
    this.#annotator.told(now);
    // Another address is another namespace; kmesh-cni would have told of it.
    if (before?.ip !== undefined && now.ip !== undefined && before.ip !== now.ip) this.#forget(now, 'process');
  }

  #deletePod(object: unknown): void {
    const gone = this.#store.deletePod(object);
    if (gone === undefined) return;
    this.#annotator.told(gone);
    this.#forget(gone);
  }

  #forget(pod: PodFacts, source?: 'process'): void {
    const known = this.#known.get(kubeletUid(pod));
    if (known === undefined || (source !== undefined && known.from !== source)) return;
    this.#known.delete(kubeletUid(pod));
    this.#remove(known.netns.cookie);
  }

  #remove(cookie: bigint): void {
    try {
      this.#enrolled.remove(cookie);
    } catch (error) {
      this.#log.error({ err: error }, `a network namespace could not be taken out of the mesh: ${messageOf(error)}`);
    }
  }

  #apiTrouble(what: string, error: KubeError | undefined): void {
    this.#troubles.report(what, error);
  }

  /** Many pods change at once when a namespace does, and a list is told in one go. */
  #reconcileSoon(): void {
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined;
      this.#reconcile();
    });
  }

  /** Before the API server has told all, what an earlier process knew stays as it is. */
  #reconcile(): void {
    if (!this.#store.synced) return;
    for (const pod of this.#store.pods) {
      const { inMesh } = this.#store.membership(pod);
      const cookie = this.#known.get(kubeletUid(pod))?.netns.cookie;
      if (inMesh && cookie !== undefined) {
        if (this.#enrolled.add(cookie) === undefined) this.#annotator.want(pod, true);
      } else if (!inMesh) {
        if (cookie !== undefined) this.#remove(cookie);
        this.#annotator.want(pod, false);
      }
    }
    this.#finder.look();
    this.#tell();
  }

  #tell(): void {
    const memberships = [...this.#store.pods].map((pod) => [this.#store.membership(pod).inMesh, this.#known.get(kubeletUid(pod)) !== undefined]);
    const wanted = memberships.filter(([inMesh]) => inMesh);
    const text = `${wanted.filter(([, known]) => known).length} of ${memberships.length} pods of this node are in the mesh${wanted.every(([, known]) => known) ? '' : `, ${wanted.filter(([, known]) => !known).length} more as soon as they run`}`;
    if (this.#told === '') this.#log.info(text);
    else if (text !== this.#told) this.#log.debug(text);
    this.#told = text;
  }
}
