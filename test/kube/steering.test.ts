// SPDX-License-Identifier: Apache-2.0
// kmesh.yaml on a real cluster with a real istiod: Ready by its own probes, and pods reach Services by their cluster IPs.
import t, { type Test } from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { readKmeshYaml } from '../image/daemonSet.js';
import { anyPod, ask, isReady, logs, NAMESPACE, pods, remove, rolledOut, writeKustomization } from './kmesh.js';
import { FollowedLog, inPod, kubectl, limit, until } from './kubectl.js';
import { addresses, connect, deployWorkloads, nodeState, removeWorkloads, serving, settle, TEST_NAMESPACE } from './workloads.js';

const folder = temporaryFolder(t);
t.teardown(() => removeWorkloads());
t.teardown(() => remove());
deployWorkloads(temporaryFolder(t));
const before = nodeState();
// The one that a test makes: on a node of a mesh nobody would.
const LABEL = 'kmesh-test/leaves';

interface Capability {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
}

t.test('applied with image and control plane set, the pods get Ready by their own probes', async (t) => {
  writeKustomization(folder, { changes: [{ op: 'add', path: '/spec/template/spec/affinity', value: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: LABEL, operator: 'DoesNotExist' }] }] } } } }] });
  kubectl('apply', '--kustomize', folder);
  await rolledOut();
  const pod = await anyPod();
  t.ok(isReady(pod));
  t.equal(pod.status.containerStatuses?.[0]?.restartCount, 0);
});

t.test('istiod configured them over TLS, with the projected token and the root of the config map', async (t) => {
  const { name } = (await anyPod()).metadata;
  const { xdsAddress, xdsPlaintext, xdsToken, xdsRootCert } = ask<Record<string, unknown>>(name, 15200, '/options');
  t.same([xdsAddress, xdsPlaintext, xdsToken, xdsRootCert], [process.env['XDS_ADDRESS'], false, '/var/run/secrets/tokens/istio-token', '/var/run/secrets/istio/root-cert.pem']);
  t.same(ask<{ ready: object }>(name, 15021, '/status').ready, { ready: true, stale: false }, 'complete, and without trouble');
});

t.test('kubectl logs shows what the node can do', async (t) => {
  const lines = logs((await anyPod()).metadata.name).split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { msg: string; capabilities?: Capability[] });
  const table = lines.find(({ msg }) => msg === 'what this node can do')?.capabilities;
  t.match(table, [{ name: 'l4-ipv4', state: 'on' }, { name: 'l4-ipv6', state: 'on' }, { name: 'l7-http' }]);
  t.ok(table?.every(({ reason }) => reason !== ''));
  t.ok(lines.some(({ msg }) => msg === 'ready: this node is in the mesh'));
});

t.test('a Service by its cluster IPs', async (t) => {
  for (const address of addresses('plain')) {
    const { pods: answered, errors } = connect(address, 100);
    t.same(errors, {}, address);
    t.same(Object.keys(answered).sort(), serving('v1'), `${address}: every pod of the Service, and no other`);
  }
  t.ok(addresses('plain').length > 0);
});

t.test('weights of a VirtualService', async (t) => {
  for (const address of addresses('weighted')) {
    const { versions, errors } = connect(address, 1000);
    t.same(errors, {}, address);
    // Four standard deviations of a thousand draws.
    t.ok(Math.abs((versions['v1'] ?? 0) - 800) < 51, `${address}: 80/20 is ${JSON.stringify(versions)}`);
  }
});

t.test('scaling moves the traffic and costs no connection', async (t) => {
  for (const replicas of [4, 1]) await scaled(t, replicas);
  kubectl('scale', 'deployment/v1', '--replicas=2', '--namespace', TEST_NAMESPACE);
  kubectl('rollout', 'status', 'deployment/v1', '--namespace', TEST_NAMESPACE, limit(120));
});

async function scaled(t: Test, replicas: number): Promise<void> {
  kubectl('scale', 'deployment/v1', `--replicas=${replicas}`, '--namespace', TEST_NAMESPACE);
  kubectl('rollout', 'status', 'deployment/v1', '--namespace', TEST_NAMESPACE, limit(120));
  const now = serving('v1');
  t.equal(now.length, replicas);
  for (const address of addresses('plain')) {
    const passing = await settle(`${replicas} pods answer`, address, 200, ({ pods: answered }) => Object.keys(answered).sort().join() === now.join());
    t.same(passing.map(({ errors }) => errors).filter((errors) => Object.keys(errors).length > 0), [], `${address}: nobody is refused on the way to ${replicas}`);
  }
}

t.test('a pod that gets unready gets no more connections, until it is ready again', async (t) => {
  const [ill = '', ...healthy] = serving('v1');
  const address = addresses('plain')[0] ?? '';
  inPod(TEST_NAMESPACE, ill, 'touch', '/tmp/unready');
  kubectl('wait', '--for=condition=Ready=false', `pod/${ill}`, '--namespace', TEST_NAMESPACE, limit(60));
  await settle('only the ready ones answer', address, 100, ({ pods: answered }) => !(ill in answered));
  const { pods: answered, errors } = connect(address, 200);
  t.same([Object.keys(answered).sort(), errors], [healthy, {}]);
  for (const pod of healthy) inPod(TEST_NAMESPACE, pod, 'touch', '/tmp/unready');
  await settle('without a ready pod connections are refused', address, 20, ({ errors: refused }) => refused['ECONNREFUSED'] === 20);
  for (const pod of [ill, ...healthy]) inPod(TEST_NAMESPACE, pod, 'rm', '/tmp/unready');
  await settle('all of them answer again', address, 100, ({ pods: all }) => Object.keys(all).sort().join() === [ill, ...healthy].sort().join());
  t.pass('and back');
});

t.test('a label of the node that takes the pod away: it ends inside its grace period and the node goes on steering', async (t) => {
  const { metadata, spec } = await anyPod();
  const { terminationGracePeriodSeconds: grace } = readKmeshYaml().pod;
  const log = new FollowedLog(NAMESPACE, metadata.name);
  t.teardown(() => kubectl('label', 'node', spec.nodeName, `${LABEL}-`));
  const began = Date.now();
  kubectl('label', 'node', spec.nodeName, `${LABEL}=true`);
  kubectl('wait', '--for=delete', `pod/${metadata.name}`, '--namespace', NAMESPACE, limit(180));
  const took = (Date.now() - began) / 1000;
  t.ok(took < grace, `${took} s of ${grace}`);
  t.match(await log.whole(), /stopping: SIGTERM[^]*stay and go on steering: the DaemonSet exists/);
  for (const address of addresses('plain')) t.same(connect(address, 20).errors, {}, address);
});

t.test('deleted, the node is as it was', async (t) => {
  await until('the pod is back', 60, () => (pods().length > 0 ? true : undefined));
  await rolledOut();
  t.not(nodeState().pins.length, before.pins.length);
  remove('--kustomize', folder);
  t.same(nodeState(), before);
});
