// SPDX-License-Identifier: Apache-2.0
/** Pods with and without labels, all on the node of pod `node`, and what becomes of their connections. */
import { execFileSync } from 'node:child_process';
import type { Test } from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { ask, image, pods, remove } from './kmesh.js';
import { get, inPod, kubectl, limit, until } from './kubectl.js';
import { addresses, deployWorkloads, type NodeState, nodeState, removeWorkloads, TEST_NAMESPACE } from './workloads.js';

/** A namespace without the mesh's label, until a test gives it one. */
export const FREE = 'kmesh-test-free';
export const MODE = 'istio.io/dataplane-mode';

type Labels = Readonly<Record<string, string>>;

/** Connects once, to one of the addresses in turn; its end says whether a server answered. */
const FIRST = 'addresses=("$@"); exec 3<>"/dev/tcp/${addresses[JOB_COMPLETION_INDEX % $#]}/80" && IFS= read -r -t 20 -u 3 line && echo "$line"';

/** Holds a connection to each ADDRESS PORT, prints how often each has answered, and ends when one does not. */
const HOLD = `
fds=()
while [ $# -gt 0 ]; do exec {fd}<>"/dev/tcp/$1/$2" && IFS= read -r -t 20 -u "$fd" greeting || exit 1; fds+=("$fd"); shift 2; done
for ((beats = 1; ; beats++)); do
  for fd in "\${fds[@]}"; do echo beat >&"$fd"; IFS= read -r -t 20 -u "$fd" answer || exit 1; done
  echo "$beats"; sleep 0.2
done`;

const IDLE = 'while :; do sleep 3600 & wait; done';

const apply = (...objects: readonly object[]): void => void execFileSync('kubectl', ['apply', '--filename', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }), stdio: ['pipe', 'ignore', 'inherit'] });

const nodeName = (): string => get<{ spec: { nodeName: string } }>('pod', 'node', '--namespace', TEST_NAMESPACE).spec.nodeName;

const spec = (script: string, args: readonly string[]) => ({
  nodeName: nodeName(),
  terminationGracePeriodSeconds: 0,
  restartPolicy: 'Never',
  containers: [{ name: 'client', image: image(), imagePullPolicy: 'IfNotPresent', command: ['bash', '-c', script, 'client', ...args] }],
});

const removeFreeNamespace = (): void => void kubectl('delete', 'namespace', FREE, '--ignore-not-found', limit(180));

/**
 * Servers, a namespace without a label, and two pods in it: `bare`, and `earlier` with these labels. All of it, and Kmesh, goes with the test.
 *
 * @returns addresses of a Service, the node as it is without Kmesh, and which of the addresses answer `bare` there
 */
export function deployPods(t: Test, earlier: Labels): { readonly service: readonly string[]; readonly before: NodeState; readonly outside: readonly boolean[] } {
  t.teardown(() => removeWorkloads());
  t.teardown(() => removeFreeNamespace());
  t.teardown(() => remove());
  deployWorkloads(temporaryFolder(t));
  apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: FREE } });
  startIdle({ bare: {}, earlier });
  const service = addresses('plain');
  return { service, before: nodeState(), outside: service.map((address) => reaches('bare', address)) };
}

/** Pods that wait, each by its name with its labels. Returns when all of them run. */
export function startIdle(wanted: Readonly<Record<string, Labels>>): void {
  const names = Object.entries(wanted).map(([name, labels]) => startPod(name, labels, IDLE, []));
  isReady(...names);
}

/** A pod that holds a connection to each address and port from its start on. */
export function startHolding(name: string, labels: Labels, ...places: readonly (readonly [address: string, port: number])[]): void {
  isReady(startPod(name, labels, HOLD, places.flat().map(String)));
}

function startPod(name: string, labels: Labels, script: string, args: readonly string[]): string {
  apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: FREE, labels }, spec: spec(script, args) });
  return name;
}

const isReady = (...names: readonly string[]): void => void kubectl('wait', '--for=condition=Ready', ...names.map((name) => `pod/${name}`), '--namespace', FREE, limit(120));

/** Waits until every connection that a pod holds has carried ten words more. @throws when one broke */
export async function carriesOn(name: string): Promise<void> {
  const beats = (): number => Number(kubectl('logs', '--namespace', FREE, name, '--tail=1').trim());
  const from = await until(`${name} has connected`, 60, () => beats() || undefined);
  await until(`the connections of ${name} carry data`, 60, () => (beats() >= from + 10 ? true : undefined), () => kubectl('get', 'pod', name, '--namespace', FREE, '--output', 'wide'));
}

export interface FirstConnections {
  readonly reached: number;
  /** Names of pods whose first connection was not answered. */
  readonly missed: readonly string[];
  readonly seconds: number;
}

/** Pods whose first command is a connection to one of the addresses, `atOnce` at a time. */
export async function firstConnections(name: string, count: number, atOnce: number, labels: Labels, addresses: readonly string[]): Promise<FirstConnections> {
  const began = Date.now();
  const template = { metadata: { labels: { ...labels, first: name } }, spec: spec(FIRST, addresses) };
  // Each of them has one try, and all of them have theirs.
  apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: FREE }, spec: { completions: count, parallelism: atOnce, completionMode: 'Indexed', backoffLimitPerIndex: 0, template } });
  const look = (): { succeeded?: number; conditions?: { type: string; status: string }[] } => get<{ status: { succeeded?: number; conditions?: { type: string; status: string }[] } }>('job', name, '--namespace', FREE).status;
  const ended = await until(`job ${name}`, 900, () => {
    const status = look();
    return status.conditions?.some(({ type, status: is }) => ['Complete', 'Failed'].includes(type) && is === 'True') ? status : undefined;
  }, () => JSON.stringify(look()));
  const failed = get<{ items: { metadata: { name: string }; status: { phase: string } }[] }>('pods', '--namespace', FREE, '--selector', `first=${name}`).items.filter(({ status }) => status.phase !== 'Succeeded');
  return { reached: ended.succeeded ?? 0, missed: failed.map(({ metadata }) => metadata.name), seconds: Math.round((Date.now() - began) / 1000) };
}

/** Whether a server answers a pod at port 80 of an address. */
export const reaches = (name: string, address: string): boolean =>
  inPod(FREE, name, 'bash', '-c', 'timeout 10 bash -c \'exec 3<>"/dev/tcp/$0/80" && IFS= read -r -u 3 line\' "$0" 2>/dev/null && echo yes || echo no', address).trim() === 'yes';

/** What the daemon says of a pod. */
export interface PodLine {
  readonly namespace: string;
  readonly name: string;
  readonly enrolled: boolean;
  readonly rule: string;
  readonly annotated: boolean;
  readonly connections?: { readonly steered: number; readonly passed: number; readonly refused: number };
}

/** The pod of the DaemonSet on the node of the test. */
export const agentPod = () => until('a pod of the DaemonSet', 60, () => pods().find(({ spec: { nodeName: name } }) => name === nodeName()));

export async function podLine(name: string, namespace = FREE): Promise<PodLine | undefined> {
  return ask<{ pods: PodLine[] }>((await agentPod()).metadata.name, 15200, '/pods').pods.find((pod) => pod.namespace === namespace && pod.name === name);
}

/** Waits until a pod is in the mesh, or out of it, by a rule, and its annotation says so. */
export async function becomes(name: string, enrolled: boolean, rule: string, namespace = FREE): Promise<PodLine> {
  let line: PodLine | undefined;
  return await until(`${name} is ${enrolled ? 'in' : 'out of'} the mesh by ${rule}`, 60, async () => {
    line = await podLine(name, namespace);
    return line?.enrolled === enrolled && line.rule === rule && line.annotated === enrolled ? line : undefined;
  }, () => JSON.stringify(line));
}

/** The annotation of Kmesh, as kubectl shows it. */
export const annotation = (name: string, namespace = FREE): string | undefined =>
  get<{ metadata: { annotations?: Record<string, string> } }>('pod', name, '--namespace', namespace).metadata.annotations?.['kmesh.net/redirection'];
