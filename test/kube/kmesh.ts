// SPDX-License-Identifier: Apache-2.0
/** Kmesh in the cluster, deployed as docs/deploy.md says. */
import fs from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { ROOT } from '../helpers/node.js';
import { get, inPod, kubectl, limit, until } from './kubectl.js';
import { shownKustomization } from './shownKustomization.js';

export const NAMESPACE = 'kmesh-system';

/** An operation of a JSON patch on the DaemonSet. */
export interface Change {
  readonly op: 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

export interface Deployment {
  readonly xdsAddress?: string;
  readonly changes?: readonly Change[];
  /** Of deploy/. */
  readonly components?: readonly string[];
  /** Patches besides those on the DaemonSet. */
  readonly patches?: readonly { readonly patch: string }[];
}

const need = (name: string): string => {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set: run this by npm run test:kube`);
  return value;
};

export const image = (): string => need('KUBE_IMAGE');
export const xdsAddress = (): string => need('XDS_ADDRESS');

/**
 * Writes the kustomization of docs/deploy.md with image and control plane of this run to `folder`, beside a copy of kmesh.yaml. It changes nothing
 * else but what the test asks for, and, where KUBE_ATTACH_CGROUP is set, the cgroup that is steered.
 */
export function writeKustomization(folder: string, { xdsAddress: address = xdsAddress(), changes = [], components = [], patches = [] }: Deployment = {}): void {
  const { shown, operation } = shownKustomization();
  const [, newName, newTag] = /^(.*):([^:/]+)$/.exec(image()) ?? [];
  const cgroup = process.env['KUBE_ATTACH_CGROUP'];
  const attach: Change[] = cgroup === undefined ? [] : [{ op: 'add', path: '/spec/template/spec/containers/0/args/-', value: `--attach-cgroup=${cgroup}` }];
  const patch = stringify([{ ...operation, value: address }, ...attach, ...changes]);
  fs.copyFileSync(path.join(ROOT, 'kmesh.yaml'), path.join(folder, 'kmesh.yaml'));
  for (const name of components) fs.cpSync(path.join(ROOT, 'deploy', name), path.join(folder, 'deploy', name), { recursive: true });
  fs.writeFileSync(path.join(folder, 'kustomization.yaml'), stringify({ ...shown, components: components.map((name) => `deploy/${name}`), images: [{ ...shown.images[0], newName, newTag }], patches: [{ ...shown.patches[0], patch }, ...patches] }));
}

export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName: string };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly containerID?: string; readonly restartCount: number; readonly ready: boolean }[];
  };
}

/** The pods of the DaemonSet that are not on their way out. */
export const pods = (): readonly Pod[] =>
  get<{ items: Pod[] }>('pods', '--namespace', NAMESPACE, '--selector', 'app=kmesh').items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);

/** One of them. @throws when there is none within a minute */
export const anyPod = (): Promise<Pod> => until('a pod of the DaemonSet', 60, () => pods()[0]);

export const isReady = ({ status }: Pod): boolean => status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;

/** Waits until every node's pod is Ready by its own probes. @throws with the log */
export async function rolledOut(): Promise<void> {
  try {
    kubectl('rollout', 'status', 'daemonset/kmesh', '--namespace', NAMESPACE, limit(240));
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${pods().map(({ metadata }) => describe(metadata.name)).join('\n')}`);
  }
}

/** What a user would look at when a pod is not ready. */
export function describe(pod: string): string {
  return [['describe', 'pod', pod], ['logs', pod, '--tail=60']].map((words) => attempt(() => kubectl(...words, '--namespace', NAMESPACE))).join('\n');
}

function attempt(work: () => string): string {
  try {
    return work();
  } catch (error) {
    return (error as Error).message;
  }
}

export const logs = (pod: string, ...more: readonly string[]): string => kubectl('logs', '--namespace', NAMESPACE, pod, ...more);

const GET = "require('node:http').get(process.argv[1], (r) => r.pipe(process.stdout)).on('error', (e) => { console.error(e.message); process.exit(1); })";

/** A page of the agent or of the daemon, asked from inside of the pod. */
export const ask = <T>(pod: string, port: 15021 | 15200, page: string): T => JSON.parse(inPod(NAMESPACE, pod, 'node', '-e', GET, `http://127.0.0.1:${port}${page}`)) as T;

/** Deletes by the kustomization or file that made it, or by the namespace that all of it is in, and waits until it is gone. */
export function remove(...from: readonly string[]): void {
  kubectl('delete', '--ignore-not-found', ...(from.length > 0 ? from : ['namespace', NAMESPACE]), limit(180));
}
