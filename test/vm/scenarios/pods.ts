// SPDX-License-Identifier: Apache-2.0
// Labels decide whose connections are steered, on each kernel: 5.10 does not tell the cookie of a network namespace to user space
// (SO_NETNS_COOKIE, 5.14), so that an eBPF program learns it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { KubeApi } from '../../helpers/kubeApi.js';
import { Agent } from '../guest/agent.js';
import type { Checks, Context } from '../guest/scenario.js';
import { traces } from '../guest/traces.js';
import { KMESH_MODULE } from '../proof/stage.js';

export const name = 'pods';
export const limitSeconds = 1200;
export const modules = KMESH_MODULE;

const MODE = 'istio.io/dataplane-mode';
const NODE_NAME = 'node-1';
const NAMESPACE = 'shop';
const SERVICE = '10.96.0.10';
/** The host's /proc, as kmesh.yaml maps it: processes of pods are in no pid namespace of the agent. */
const HOST_PROC = '/host/proc';
/** Where the guest has cgroup2, or gets it. */
const CGROUP2 = '/sys/fs/cgroup';

const uid = (digit: number): string => `00000000-0000-4000-8000-00000000000${digit}`;

export async function run(t: Checks, context: Context): Promise<void> {
  await shareProc(context);
  const api = await KubeApi.start(context.folder);
  const [inside, beside] = [await Pod.start(context, 'inside', 1), await Pod.start(context, 'beside', 2)];
  const before = traces();
  try {
    await labels(t, context, api, inside, beside);
    t.equal(traces(), before, 'nothing is left');
  } finally {
    for (const pod of [inside, beside]) await pod.end();
    await api.goAway();
  }
}

async function labels(t: Checks, context: Context, api: KubeApi, inside: Pod, beside: Pod): Promise<void> {
  api.put(inside.object({ [MODE]: 'kmesh' }));
  api.put(beside.object({}));
  t.equal([await inside.asks(), await beside.asks()], ['nobody', 'nobody'], 'before, nobody answers');

  process.env['NODE_NAME'] = NODE_NAME;
  const { KUBERNETES_SERVICE_PORT: port } = api.env;
  const agent = await Agent.start(context, { args: ['--module', context.modules['kmesh']!, '--manage', 'labelled', '--install-cni', 'no', '--kubeconfig', kubeconfig(api, Number(port))] });
  await agent.ready();
  t.equal(agent.capability('pod-management').state, 'on', `pods are managed: ${agent.capability('pod-management').reason}`);
  await api.until(() => inside.isAnnotated(api));
  t.equal([await inside.asks(), await beside.asks()], ['steered', 'nobody'], 'the labelled pod is steered, and no other');

  api.put(inside.object({}));
  api.put(beside.object({ [MODE]: 'Kmesh' }));
  await api.until(() => beside.isAnnotated(api) && !inside.isAnnotated(api));
  t.equal([await inside.asks(), await beside.asks()], ['nobody', 'steered'], 'labels of running pods change places');

  api.put({ kind: 'Namespace', metadata: { name: NAMESPACE, labels: { [MODE]: 'kmesh' } } });
  await api.until(() => inside.isAnnotated(api));
  t.equal([await inside.asks(), await beside.asks()], ['steered', 'steered'], 'the label of the namespace takes both in');
  t.equal(await agent.stop(), 0, 'the agent ends with 0');
  t.equal([await inside.asks(), await beside.asks()], ['nobody', 'nobody'], 'after, nobody answers');
}

async function shareProc({ sh }: Context): Promise<void> {
  fs.mkdirSync(HOST_PROC, { recursive: true });
  await sh('mount', '--bind', '/proc', HOST_PROC);
  // A guest without systemd has the old hierarchies or none.
  if (!fs.existsSync(path.join(CGROUP2, 'cgroup.procs'))) await sh('mount', '-t', 'cgroup2', 'cgroup2', CGROUP2);
}

function kubeconfig(api: KubeApi, port: number): string {
  const file = path.join(api.account, 'kubeconfig');
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'test' },
    clusters: [{ name: 'test', cluster: { server: `https://127.0.0.1:${port}`, 'tls-server-name': 'localhost', 'certificate-authority': path.join(api.account, 'ca.crt') } }],
    users: [{ name: 'node', user: { token: api.token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'node' } }],
  };
  fs.writeFileSync(file, stringify(config), { mode: 0o600 });
  return file;
}

/** A network namespace with the backends of the samples, whose first process is in a cgroup as the kubelet names it. */
class Pod {
  readonly #context: Context;
  readonly #name: string;
  readonly #uid: string;
  readonly #cgroup: string;
  readonly #process: ChildProcess;

  private constructor(context: Context, podName: string, podUid: string, cgroup: string, process: ChildProcess) {
    this.#context = context;
    this.#name = podName;
    this.#uid = podUid;
    this.#cgroup = cgroup;
    this.#process = process;
  }

  static async start(context: Context, podName: string, digit: number): Promise<Pod> {
    await context.sh('ip', 'netns', 'add', podName);
    await context.sh('ip', '-n', podName, 'link', 'set', 'lo', 'up');
    const cgroup = path.join(CGROUP2, `pod${uid(digit)}`);
    fs.mkdirSync(cgroup);
    const words = ['-c', 'echo $$ > "$0/cgroup.procs" && exec nsenter "--net=$1" "$2" "$3"', cgroup, `/run/netns/${podName}`, process.execPath, path.join(context.project, 'samples/backends.mjs')];
    const child = spawn('sh', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    await Promise.race([once(child.stdout, 'data'), once(child, 'close').then(() => Promise.reject(new Error(`${podName} ended`)))]);
    return new Pod(context, podName, uid(digit), cgroup, child);
  }

  object(podLabels: Record<string, string>) {
    return { kind: 'Pod' as const, metadata: { name: this.#name, namespace: NAMESPACE, uid: this.#uid, labels: podLabels }, spec: { nodeName: NODE_NAME }, status: { phase: 'Running' } };
  }

  isAnnotated(api: KubeApi): boolean {
    return api.get('Pod', this.#name, NAMESPACE)?.metadata.annotations?.['kmesh.net/redirection'] === 'enabled';
  }

  /** What a connection to the service comes to: the namespace has no way there but by the programs. */
  async asks(): Promise<'steered' | 'nobody'> {
    const said = await this.#context.sh('bash', '-c', 'nsenter "--net=$0" curl -s --noproxy "*" --max-time 20 "http://$1/" || echo nobody', `/run/netns/${this.#name}`, SERVICE);
    return /^v[12]/.test(said) ? 'steered' : (said.trim() as 'nobody');
  }

  async end(): Promise<void> {
    const ended = once(this.#process, 'close');
    this.#process.kill('SIGKILL');
    await ended;
    fs.rmdirSync(this.#cgroup);
    await this.#context.sh('ip', 'netns', 'delete', this.#name);
  }
}
