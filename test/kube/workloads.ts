// SPDX-License-Identifier: Apache-2.0
/** The pods that connect and those that answer. */
import fs from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { ROOT } from '../helpers/node.js';
import { image } from './kmesh.js';
import { get, inPod, kubectl, limit, until } from './kubectl.js';

export const TEST_NAMESPACE = 'kmesh-test';

/** Deploys test/kube/workloads by way of `folder` and waits until all of it runs. */
export function deployWorkloads(folder: string): void {
  fs.cpSync(path.join(ROOT, 'test/kube/workloads'), folder, { recursive: true });
  const file = path.join(folder, 'kustomization.yaml');
  const [, newName, newTag] = /^(.*):([^:/]+)$/.exec(image()) ?? [];
  fs.writeFileSync(file, stringify({ ...(parse(fs.readFileSync(file, 'utf8')) as object), images: [{ name: 'kmesh-test-image', newName, newTag }] }));
  kubectl('apply', '--kustomize', folder);
  for (const name of ['v1', 'v2']) kubectl('rollout', 'status', `deployment/${name}`, '--namespace', TEST_NAMESPACE, limit(180));
  kubectl('wait', '--for=condition=Ready', 'pod/client', 'pod/node', '--namespace', TEST_NAMESPACE, limit(180));
}

export const removeWorkloads = (): void => void kubectl('delete', 'namespace', TEST_NAMESPACE, '--ignore-not-found', limit(180));

/** Cluster IPs of a Service: one of each family that the cluster has. */
export const addresses = (service: string): readonly string[] => get<{ spec: { clusterIPs: string[] } }>('service', service, '--namespace', TEST_NAMESPACE).spec.clusterIPs;

/** Ready pods of a version that are not on their way out. */
export const serving = (version: string): readonly string[] =>
  get<{ items: { metadata: { name: string; deletionTimestamp?: string }; status: { conditions?: { type: string; status: string }[] } }[] }>('pods', '--namespace', TEST_NAMESPACE, '--selector', `version=${version}`)
    .items.filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'))
    .map(({ metadata }) => metadata.name)
    .sort();

export interface Answers {
  /** Connections by the pod that answered, by its version, and those that failed by the code of the error. */
  readonly pods: Readonly<Record<string, number>>;
  readonly versions: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
}

/** Connects from the client pod to port 80 of an address. */
export const connect = (address: string, count: number): Answers => JSON.parse(inPod(TEST_NAMESPACE, 'client', 'node', '/programs/ask.mjs', address, String(count))) as Answers;

/** The control plane needs a moment to hear of a change and to tell it. */
const PROPAGATION_S = 60;

/** Asks until the answers are as wanted, and returns those that were not, each of which is a connection on the way there. */
export async function settle(what: string, address: string, count: number, wanted: (answers: Answers) => boolean): Promise<readonly Answers[]> {
  const before: Answers[] = [];
  return await until(what, PROPAGATION_S, () => {
    const answers = connect(address, count);
    if (wanted(answers)) return before;
    before.push(answers);
    return undefined;
  }, () => JSON.stringify(before.at(-1)));
}

export interface NodeState {
  readonly mounts: readonly string[];
  readonly mnt: readonly string[];
  readonly pins: readonly string[];
  /** Sets of maps, by the version of their layout. */
  readonly sets: readonly string[];
  readonly modules: readonly string[];
  /** Each file of /etc/cni/net.d: name, mode, owner, digest. */
  readonly cniConf: readonly string[];
  /** Whether kmesh-cni is in /opt/cni/bin. */
  readonly cniPlugin: boolean;
}

/** What is mounted, pinned and installed on the node of pod `node`. */
export const nodeState = (): NodeState => JSON.parse(inPod(TEST_NAMESPACE, 'node', 'node', '/programs/node.mjs')) as NodeState;
