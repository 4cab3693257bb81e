// SPDX-License-Identifier: Apache-2.0
import type net from 'node:net';
import type { AccessOptions } from '../kube/access.js';
import { KubeClient } from '../kube/client.js';
import { Reflector } from '../kube/reflector.js';
import { DAEMON_ERRORS, DaemonError, type DaemonErrorCode } from '../errors.js';
import type { Logger } from '../log.js';
import type { PodSet } from '../maps/dataplane.js';
import { MODE_LABEL } from '../membership/podFacts.js';
import type { CniAnswer, CniRequest } from './cniRequest.js';
import { serveCni } from './cniServer.js';
import { readNetns, type Learn } from './netns.js';
import { Pods } from './pods.js';
import { procRoot } from './processes.js';
import type { PodsView } from './view.js';

/** Whether pods are told apart on this node, and why, in a few words. */
export interface PodsState {
  readonly state: 'on' | 'off';
  readonly reason: string;
}

/** Body of `/pods`. */
export type PodsPage = PodsView | { readonly manage: 'all' | 'labelled'; readonly off: string };

export interface ManagementParts {
  readonly manage: 'all' | 'labelled';
  readonly set: Pick<PodSet, 'add' | 'remove' | 'entries'>;
  /** Why the kernel cannot tell pods apart; undefined: it can. */
  readonly refused: string | undefined;
  readonly learn: Learn;
  readonly access: AccessOptions;
  readonly nodeName: string | undefined;
  /** Where kmesh-cni asks. */
  readonly socket: string;
  readonly log: Logger;
  /** Milliseconds between two sweeps; half a minute when left out. */
  readonly sweepMs?: number;
}

/** Keeps the set of pods in the mesh, where labels decide which those are. */
export class PodManagement {
  readonly #parts: ManagementParts;
  readonly #off: string | undefined;
  #pods: Pods | undefined;
  #client: KubeClient | undefined;
  #reflectors: readonly Reflector[] = [];
  #server: net.Server | undefined;

  constructor(parts: ManagementParts) {
    this.#parts = parts;
    this.#off = whyOff(parts);
  }

  get state(): PodsState {
    return this.#off === undefined ? { state: 'on', reason: 'labels decide which pods are in the mesh; they are told apart by the cookies of their network namespaces' } : { state: 'off', reason: this.#off };
  }

  /** Never rejects: a node whose pods cannot be told apart keeps its network, and says what is wrong. */
  async start(): Promise<void> {
    if (this.#parts.manage === 'all') return;
    if (this.#off === undefined) this.#begin();
    await this.#serve();
  }

  async stop(): Promise<void> {
    this.#server?.close();
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
    this.#pods?.stop();
    this.#client?.close();
  }

  page(): PodsPage {
    return this.#pods?.view() ?? { manage: this.#parts.manage, off: this.state.reason };
  }

  #begin(): void {
    const { access, set, nodeName, learn, log, sweepMs } = this.#parts;
    if (nodeName === undefined || nodeName === '') {
      warn(log, 'KM_KUBE_ACCOUNT', 'NODE_NAME is not set');
      return;
    }
    this.#client = new KubeClient(access);
    this.#pods = new Pods({ set, client: this.#client, nodeName, proc: procRoot(), readNetns: (path) => readNetns(path, learn), log, ...(sweepMs === undefined ? {} : { sweepMs }) });
    // What is asked for does not grow with the cluster: the pods of one node, and the namespaces that have the label.
    this.#reflectors = [
      new Reflector(this.#client, '/api/v1/pods', { fieldSelector: `spec.nodeName=${nodeName}` }, this.#pods.podListener),
      new Reflector(this.#client, '/api/v1/namespaces', { labelSelector: MODE_LABEL }, this.#pods.namespaceListener),
    ];
    this.#pods.start();
    for (const reflector of this.#reflectors) reflector.start();
  }

  async #serve(): Promise<void> {
    const { socket, log } = this.#parts;
    try {
      this.#server = await serveCni(socket, (request) => this.#answer(request), log);
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      warn(log, error.code, error.message);
    }
  }

  /** Where nothing is managed, pods start, unless the operator wants none outside of the mesh (--cni-failure deny). */
  async #answer(request: CniRequest): Promise<CniAnswer> {
    if (this.#pods !== undefined) return this.#pods.answer(request);
    return request.command === 'ADD' ? { result: 'refused', reason: this.#off ?? 'NODE_NAME is not set' } : { result: 'ok' };
  }
}

function whyOff({ manage, refused, log }: ManagementParts): string | undefined {
  if (manage === 'all') return 'the connections of every process are steered (--manage all)';
  if (refused === undefined) return undefined;
  warn(log, 'KM_PODS_UNSUPPORTED', refused);
  return `no pod is in the mesh: the kernel does not tell network namespaces apart (${refused})`;
}

function warn(log: Logger, code: DaemonErrorCode, detail: string): void {
  const { remedy } = DAEMON_ERRORS[code];
  log.warn({ code, remedy }, `${code}: ${detail}; remedy: ${remedy}`);
}
