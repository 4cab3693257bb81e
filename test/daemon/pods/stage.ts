// SPDX-License-Identifier: Apache-2.0
/** A node with an API server, the programs in force, kmesh-cni, and pods that are network namespaces with or without a process. */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import type { Dataplane } from '../../../daemon/maps/dataplane.js';
import { CNI_SOCKET } from '../../../daemon/pods/cniServer.js';
import { PodManagement, type ManagementParts } from '../../../daemon/pods/management.js';
import type { PodsView, PodView } from '../../../daemon/pods/view.js';
import { cluster, frontend } from '../../bpf/mesh.js';
import { connectFrom, makePod, NODE, type Pod } from '../../bpf/podStage.js';
import { startBackend } from '../../bpf/stage.js';
import { tally } from '../../bpf/client.js';
import { invoke, type Answer } from '../../cni/stage.js';
import type { KubeApi, KubeObject } from '../../helpers/kubeApi.js';
import { spawnInCgroup } from '../../helpers/sandbox.js';

export const SERVICE = '10.96.0.1';
export const MODE = 'istio.io/dataplane-mode';
const NODE_NAME = 'node-1';

/** A uid, always the same for a name. */
export function uidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

export const podObject = (name: string, labels: Record<string, string> = {}, more: Partial<KubeObject> = {}): KubeObject => ({
  kind: 'Pod',
  metadata: { name, namespace: 'shop', uid: uidOf(name), labels },
  spec: { nodeName: NODE_NAME },
  status: { phase: 'Running' },
  ...more,
});

export const namespaceObject = (name: string, labels: Record<string, string>): KubeObject => ({ kind: 'Namespace', metadata: { name, labels } });

/** A service whose backend says "four". */
export async function steer(dataplane: Dataplane): Promise<void> {
  const four = await startBackend('four', NODE);
  await dataplane.apply([...cluster(1, { v4: [four] }), ...frontend(1, SERVICE, 80, { cluster: 1 })]);
}

/** Lines of the log, newest last. */
export const logged: string[] = [];

export function management(api: KubeApi, dataplane: Dataplane, more: Partial<ManagementParts> = {}): PodManagement {
  return new PodManagement({
    manage: 'labelled',
    set: dataplane.pods,
    refused: undefined,
    learn: () => undefined,
    access: { server: undefined, kubeconfig: undefined, account: api.account, env: api.env },
    nodeName: NODE_NAME,
    socket: CNI_SOCKET,
    log: pino({ level: 'debug' }, { write: (line: string) => void logged.push((JSON.parse(line) as { msg: string }).msg) }),
    ...more,
  });
}

export const viewOf = (pods: PodManagement): PodsView => {
  const page = pods.page();
  if ('off' in page) throw new Error(page.off);
  return page;
};

export const podView = (pods: PodManagement, name: string): PodView | undefined => viewOf(pods).pods.find((pod) => pod.name === name);

/** What a connection of a pod to the service comes to. */
export const ask = async (pod: Pod, cgroup: string): Promise<Record<string, number>> => tally(await connectFrom(pod, cgroup, SERVICE, 80));
export const IN = { four: 1 };
export const OUT = { ENETUNREACH: 1 };

const CONFIG = '{"cniVersion":"1.0.0","name":"net","type":"kmesh-cni","prevResult":{"cniVersion":"1.0.0"}}';

/** kmesh-cni as a runtime calls it for a pod. */
export const cni = (plugin: string, command: 'ADD' | 'DEL' | 'CHECK' | 'GC', { name, netns }: Pod, container = `c-${name}`): Promise<Answer> =>
  invoke(plugin, CONFIG, { CNI_COMMAND: command, CNI_CONTAINERID: container, CNI_NETNS: netns, CNI_IFNAME: 'eth0', CNI_PATH: '/opt/cni/bin', CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name};K8S_POD_UID=${uidOf(name)}` });

/** A pod that runs: its first process is in its namespace, and in its cgroup by the name that the kubelet gives it. */
export class RunningPod {
  readonly pod: Pod;
  readonly #cgroup: string;
  #process: ChildProcess | undefined;

  constructor(name: string, parent: string) {
    this.pod = makePod(name);
    this.#cgroup = path.join(parent, `pod${uidOf(name)}`);
    fs.mkdirSync(this.#cgroup);
  }

  async start(): Promise<void> {
    // It says a word when it is in there.
    this.#process = spawnInCgroup(this.#cgroup, 'nsenter', [`--net=${this.pod.netns}`, 'sh', '-c', 'echo; exec cat']);
    await once(this.#process.stdout!, 'data');
  }

  async end(): Promise<void> {
    const child = this.#process;
    if (child !== undefined) {
      child.stdin!.end();
      await once(child, 'close');
    }
    fs.rmdirSync(this.#cgroup);
  }
}
