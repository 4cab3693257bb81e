// SPDX-License-Identifier: Apache-2.0
// Labels decide which pods are in the mesh, from their first packet on, and a pod starts whatever Kmesh does.
import t, { type Test } from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { ask, NAMESPACE, remove, rolledOut, writeKustomization } from './kmesh.js';
import { get, inPod, kubectl, limit, until } from './kubectl.js';
import { agentRuns, OWN, signalAgent } from './ownNode.js';
import { agentPod, annotation, becomes, carriesOn, deployPods, firstConnections, FREE, MODE, podLine, reaches, startHolding, startIdle } from './podsStage.js';
import { nodeState, TEST_NAMESPACE } from './workloads.js';

const IN = { [MODE]: 'Kmesh' };
const folder = temporaryFolder(t);
/** `outside`: nothing answers where nobody but Kmesh knows cluster IPs. */
const { service: SERVICE, before, outside } = deployPods(t, IN);
if (OWN) t.same(outside, SERVICE.map(() => false), 'without Kmesh a cluster IP does not answer');
writeKustomization(folder);
kubectl('apply', '--kustomize', folder);
await rolledOut();

const tell = (what: string): void => void process.stderr.write(`pods: ${what}\n`);
const label = (what: string, name: string, ...labels: readonly string[]): void => void kubectl('label', what, name, ...labels, '--overwrite', ...(what === 'pod' ? ['--namespace', FREE] : []));

/** In the mesh: answered at every address, by the kernel's own account of the pod, and annotated. */
async function isSteered(t: Test, name: string, rule: string): Promise<void> {
  const { connections } = await becomes(name, true, rule);
  t.same(SERVICE.map((address) => reaches(name, address)), SERVICE.map(() => true), `${name} is answered at ${SERVICE.join(' and ')}`);
  t.equal((await podLine(name))?.connections?.steered, (connections?.steered ?? NaN) + SERVICE.length, `connections of ${name} are steered`);
  t.equal(annotation(name), 'enabled');
}

/** Out of it: as without Kmesh, not counted, and not annotated. */
async function isUntouched(t: Test, name: string, rule: string): Promise<void> {
  const { connections } = await becomes(name, false, rule);
  t.equal(connections, undefined);
  t.same(SERVICE.map((address) => reaches(name, address)), outside, `${name} fares as without Kmesh`);
  t.equal(annotation(name), undefined);
}

t.test('kmesh-cni is in the chain, and pods that ran before are found', async (t) => {
  t.ok(nodeState().cniPlugin);
  t.notSame(nodeState().cniConf, before.cniConf);
  await isSteered(t, 'earlier', 'pod_label');
  await isUntouched(t, 'bare', 'no_label');
  t.ok((await becomes('client', true, 'namespace_label', TEST_NAMESPACE)).enrolled);
});

t.test('200 pods in a row connect by cluster IP with their first command', async (t) => {
  const { reached, missed, seconds } = await firstConnections('first', 200, 20, IN, SERVICE);
  tell(`${reached} of 200 pods were answered at their first connection, ${missed.length} were not; ${seconds} s`);
  t.same([reached, missed], [200, []]);
  await isUntouched(t, 'bare', 'no_label');
});

t.test('the label of the namespace', async (t) => {
  label('namespace', FREE, `${MODE}=KMESH`);
  await isSteered(t, 'bare', 'namespace_label');
  const { reached, missed } = await firstConnections('by-namespace', 20, 10, {}, SERVICE);
  t.same([reached, missed], [20, []], 'pods without a label of their own');
  startIdle({ none: { [MODE]: 'none' }, bypass: { 'kmesh.net/bypass': 'enabled' } });
  await isUntouched(t, 'none', 'pod_label');
  await isUntouched(t, 'bypass', 'bypass');
  label('namespace', FREE, `${MODE}-`);
  await isUntouched(t, 'bare', 'no_label');
});

t.test('a running pod is relabelled both ways while its connections go on', async (t) => {
  const [server = ''] = get<{ items: { status: { podIP: string } }[] }>('pods', '--namespace', TEST_NAMESPACE, '--selector', 'version=v1').items.map(({ status }) => status.podIP);
  startHolding('holding', IN, ...SERVICE.map((address) => [address, 80] as const), [server, 9000]);
  await isSteered(t, 'holding', 'pod_label');
  await carriesOn('holding');
  label('pod', 'holding', `${MODE}-`);
  await isUntouched(t, 'holding', 'no_label');
  await carriesOn('holding');
  label('pod', 'holding', `${MODE}=kmesh`);
  await isSteered(t, 'holding', 'pod_label');
  await carriesOn('holding');
  const { status } = get<{ status: { containerStatuses: { restartCount: number }[] } }>('pod', 'holding', '--namespace', FREE);
  t.equal(status.containerStatuses[0]?.restartCount, 0);
});

/** A signal to the daemon, from within its container. */
function signalDaemon(agent: string, pid: number, signal: 'STOP' | 'CONT' | 'KILL'): void {
  inPod(NAMESPACE, agent, 'bash', '-c', `kill -${signal} "$0" 2>/dev/null || true`, String(pid));
}

interface AgentStatus {
  readonly daemon: { readonly pid?: number };
  readonly ready: { readonly ready: boolean };
}

/** The pid of a daemon that answers, in its container: another one than `not`. */
const daemonPid = (agent: string, not?: number): Promise<number> =>
  until('a daemon that answers', 60, () => {
    const { daemon, ready } = ask<AgentStatus>(agent, 15021, '/status');
    return ready.ready && daemon.pid !== not ? daemon.pid : undefined;
  });

/** Milliseconds that kmesh-cni took for each of these pods, by its own log. */
function pluginMs(agent: string, ...names: readonly string[]): readonly number[] {
  const log = inPod(NAMESPACE, agent, 'cat', '/var/run/kmesh/kmesh-cni.log');
  return names.map((name) => Number(new RegExp(`command=ADD pod=${FREE}/${name} .* ms=([0-9]+) `).exec(log)?.[1]));
}

/** Of the deadline, with what a busy machine adds to a process's end. */
const PLUGIN_MS = 1500;

t.test('pods start while the daemon hangs, and come in when it is back', async (t) => {
  const { name } = (await agentPod()).metadata;
  const pid = await daemonPid(name);
  const names = ['hung-1', 'hung-2', 'hung-3'];
  signalDaemon(name, pid, 'STOP');
  try {
    startIdle(Object.fromEntries(names.map((one) => [one, IN])));
  } finally {
    signalDaemon(name, pid, 'CONT');
  }
  await daemonPid(name);
  const took = pluginMs(name, ...names);
  tell(`kmesh-cni let pods start after ${took.join(', ')} ms`);
  t.ok(took.every((ms) => ms < PLUGIN_MS), `kmesh-cni let them start after ${took.join(', ')} ms`);
  for (const one of names) await isSteered(t, one, 'pod_label');
});

t.test('pods start while there is no daemon', { skip: !OWN && 'only where ../shared/tools made the cluster, whose agent may be stopped' }, async (t) => {
  const agent = await agentPod();
  const { name } = agent.metadata;
  const pid = await daemonPid(name);
  // A stopped agent starts no other.
  signalAgent(agent, 'SIGSTOP');
  try {
    signalDaemon(name, pid, 'KILL');
    startIdle({ 'alone-1': IN, 'alone-2': IN });
    t.ok(agentRuns(agent));
    t.equal(reaches('earlier', SERVICE[0] ?? ''), true, 'pods in the mesh stay there');
  } finally {
    signalAgent(agent, 'SIGCONT');
  }
  await daemonPid(name, pid);
  const took = pluginMs(name, 'alone-1', 'alone-2');
  tell(`kmesh-cni let pods start after ${took.join(', ')} ms`);
  t.ok(took.every((ms) => ms < PLUGIN_MS), `kmesh-cni let them start after ${took.join(', ')} ms`);
  for (const one of ['alone-1', 'alone-2', 'earlier']) await isSteered(t, one, 'pod_label');
});

t.test('the DaemonSet alone is deleted: the node is as before, and pods lose the annotation', async (t) => {
  const names = ['earlier', 'hung-1'];
  for (const name of names) t.equal(annotation(name), 'enabled');
  kubectl('delete', 'daemonset/kmesh', '--namespace', NAMESPACE, '--cascade=foreground', limit(180));
  t.same(nodeState(), before);
  for (const name of names) t.equal(annotation(name), undefined, name);
  kubectl('apply', '--kustomize', folder);
  await rolledOut();
  for (const name of names) await isSteered(t, name, 'pod_label');
});

t.test('deleted, the chain is byte for byte as before, and pods start', async (t) => {
  remove('--kustomize', folder);
  t.same(nodeState(), before);
  startIdle({ later: IN });
  t.same(SERVICE.map((address) => reaches('later', address)), outside);
});
