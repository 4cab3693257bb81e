// SPDX-License-Identifier: Apache-2.0
// Connections go on while Kmesh is restarted, exchanged and upgraded, and while nobody answers at the API server.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import t, { type Test } from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { anyPod, ask, image, isReady, logs, NAMESPACE, type Pod, pods, remove, rolledOut, writeKustomization } from './kmesh.js';
import { kubectl, limit, until } from './kubectl.js';
import { agentRuns, apiServerPid, OWN, signalAgent } from './ownNode.js';
import { addresses, deployWorkloads, nodeState, removeWorkloads, TEST_NAMESPACE } from './workloads.js';

const folder = temporaryFolder(t);
t.teardown(() => removeWorkloads());
t.teardown(() => remove());
deployWorkloads(temporaryFolder(t));
const before = nodeState();
writeKustomization(folder);
kubectl('apply', '--kustomize', folder);
await rolledOut();
startLoad();

interface Load {
  readonly opened: number;
  readonly answered: number;
  readonly echoes: number;
  readonly lost: Readonly<Record<string, number>>;
}

/** A pod that connects all the time, by the cluster IPs. */
function startLoad(): void {
  const container = { name: 'load', image: image(), imagePullPolicy: 'IfNotPresent', command: ['node', '/programs/load.mjs', 'v2', ...addresses('steady')], volumeMounts: [{ name: 'programs', mountPath: '/programs' }] };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'load', namespace: TEST_NAMESPACE }, spec: { terminationGracePeriodSeconds: 0, containers: [container], volumes: [{ name: 'programs', configMap: { name: 'programs' } }] } };
  execFileSync('kubectl', ['apply', '--filename', '-'], { input: JSON.stringify(pod), stdio: ['pipe', 'ignore', 'inherit'] });
  kubectl('wait', '--for=condition=Ready', 'pod/load', '--namespace', TEST_NAMESPACE, limit(120));
}

const load = (): Load | undefined => {
  const line = kubectl('logs', '--namespace', TEST_NAMESPACE, 'load', '--tail=1').trim();
  return line === '' ? undefined : (JSON.parse(line) as Load);
};

/** Two seconds of traffic from now on. */
async function traffic(): Promise<Load> {
  const from = (await until('the load has begun', 60, load)).opened;
  return await until('traffic', 60, () => {
    const now = load();
    return now !== undefined && now.opened >= from + 100 ? now : undefined;
  });
}

async function nothingLost(t: Test, work: () => Promise<void>): Promise<void> {
  const earlier = await traffic();
  await work();
  const now = await traffic();
  t.comment(`${now.opened - earlier.opened} connections were opened meanwhile, ${now.echoes - earlier.echoes} answers came on the 16 that stand`);
  t.same(now.lost, {}, 'no connection is lost');
  t.ok(now.answered - earlier.answered > 100 && now.echoes > earlier.echoes);
}

/** Waits until another pod is Ready in the place of this one. */
async function replaced(old: Pod): Promise<Pod> {
  await until('another pod', 120, () => (pods().some(({ metadata }) => metadata.uid === old.metadata.uid) ? undefined : pods()[0]));
  await rolledOut();
  return await until('it is Ready', 60, () => pods().find(isReady));
}

t.test('kubectl rollout restart', async (t) => {
  await nothingLost(t, async () => {
    const old = await anyPod();
    kubectl('rollout', 'restart', 'daemonset/kmesh', '--namespace', NAMESPACE);
    const { metadata } = await replaced(old);
    t.match(logs(metadata.name), /adopted the pinned maps/);
  });
});

t.test('kubectl delete pod', async (t) => {
  await nothingLost(t, async () => {
    const old = await anyPod();
    kubectl('delete', 'pod', old.metadata.name, '--namespace', NAMESPACE, limit(120));
    await replaced(old);
  });
});

const next = process.env['KUBE_NEXT_IMAGE'];
t.test('an image upgrade, and back: here to maps of another layout', { skip: next === undefined && 'KUBE_NEXT_IMAGE names no other image' }, async (t) => {
  for (const upgrade of [next ?? '', image()]) {
    const { sets } = nodeState();
    t.equal(sets.length, 1);
    await nothingLost(t, async () => {
      const old = await anyPod();
      kubectl('set', 'image', 'daemonset/kmesh', `kmesh=${upgrade}`, '--namespace', NAMESPACE);
      await replaced(old);
    });
    // Another cluster's next image may have the same layout.
    if (OWN) await until(`only other maps than ${sets[0]}`, 60, () => (nodeState().sets.length === 1 && nodeState().sets[0] !== sets[0] ? true : undefined), () => nodeState().sets.join());
  }
});

t.test('the API server does not answer: what is in force stays, also when the agent ends meanwhile', { skip: !OWN && 'only where ../shared/tools made the cluster, whose API server may be stopped' }, async (t) => {
  const pid = apiServerPid();
  const pod = await anyPod();
  const { metadata } = pod;
  await nothingLost(t, async () => {
    process.kill(pid, 'SIGSTOP');
    try {
      signalAgent(pod, 'SIGTERM');
      await until('the agent ends', 60, () => (agentRuns(pod) ? undefined : true));
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await until('the kubelet starts it again', 120, () => (pods()[0]?.status.containerStatuses?.[0]?.restartCount === 1 ? true : undefined));
    await rolledOut();
  });
  t.match(logs(metadata.name, '--previous'), /stay and go on steering: whether the DaemonSet exists is not known: \S+ does not answer/);
  await until('istiod has told it all', 60, () => (ask<{ ready: { stale: boolean } }>(metadata.name, 15021, '/status').ready.stale ? undefined : true));
});

t.test('kubectl delete -f kmesh.yaml, namespace and account included, leaves the node as it was', async (t) => {
  t.not(nodeState().pins.length, before.pins.length);
  remove('--filename', path.join(folder, 'kmesh.yaml'));
  t.same(nodeState(), before);
});
