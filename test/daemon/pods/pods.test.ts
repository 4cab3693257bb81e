// SPDX-License-Identifier: Apache-2.0
/** Pods come into the mesh and leave it: by kmesh-cni, by labels, by what runs already; while the API server or the daemon is away. */
import fs from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { removePins } from '../../../daemon/maps/dataplane.js';
import { CNI_SOCKET } from '../../../daemon/pods/cniServer.js';
import type { ManagementParts, PodManagement } from '../../../daemon/pods/management.js';
import { holdFrom, makeNode, makePod, removePod, cookieOf, type Pod } from '../../bpf/podStage.js';
import { openStage, PIN_ROOT, SIZES, stopBackends, until, type Stage } from '../../bpf/stage.js';
import { buildPlugin } from '../../cni/build.js';
import { temporaryFolder } from '../../helpers/bpfObject.js';
import { KubeApi } from '../../helpers/kubeApi.js';
import { enterSandbox } from '../../helpers/sandbox.js';
import { ask, cni, IN, logged, management, MODE, namespaceObject, OUT, podObject, podView, RunningPod, SERVICE, steer, uidOf, viewOf } from './stage.js';

await enterSandbox(import.meta.url);
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
makeNode();
t.teardown(stopBackends);
t.afterEach(() => void removePins(PIN_ROOT));
const plugin = buildPlugin();
const KMESH = { [MODE]: 'Kmesh' };

interface Teardown {
  teardown(work: () => unknown): void;
}

/** A node of its own for a test, with an API server. */
async function node(test: Teardown, pods = 200): Promise<Stage & { api: KubeApi }> {
  const stage = openStage({ manage: 'labelled', sizes: { ...SIZES, pods } });
  await steer(stage.dataplane);
  const api = await KubeApi.start(temporaryFolder());
  test.teardown(async () => {
    await api.goAway().catch(() => {});
    stage.dataplane.close();
  });
  return { ...stage, api };
}

async function started(test: Teardown, api: KubeApi, stage: Stage, more: Partial<ManagementParts> = {}): Promise<PodManagement> {
  const pods = management(api, stage.dataplane, more);
  test.teardown(() => pods.stop());
  await pods.start();
  return pods;
}

const cookies = ({ dataplane }: Stage): bigint[] => [...dataplane.pods.entries().keys()];
const cookie = (pod: Pod): bigint => cookieOf(pod.netns)!;

await t.test('kmesh-cni: a pod in the mesh is steered from its first connection on, one beside it is not', async (test) => {
  const stage = await node(test);
  const pods = await started(test, stage.api, stage);
  await until('all is told', () => viewOf(pods).synced);
  test.equal(fs.statSync(CNI_SOCKET).mode & 0o777, 0o600, 'the socket is for root alone');
  const [web, plain] = [makePod('web'), makePod('plain')];
  // The watch is a moment behind the plugin at best: here it does not know them at all.
  stage.api.faults.set('GET /api/v1/pods', 'hang up');
  stage.api.cut();
  stage.api.put(podObject('web', KMESH, { status: { phase: 'Pending' } }));
  stage.api.put(podObject('plain', {}, { status: { phase: 'Pending' } }));
  test.equal((await cni(plugin, 'ADD', web)).code, 0);
  test.equal((await cni(plugin, 'ADD', plain)).code, 0);
  test.same(await ask(web, stage.cgroup), IN);
  test.same(await ask(plain, stage.cgroup), OUT);
  await stage.api.until(() => stage.api.get('Pod', 'web', 'shop')?.metadata.annotations?.['kmesh.net/redirection'] === 'enabled');
  test.same(stage.api.get('Pod', 'plain', 'shop')?.metadata.annotations, undefined);
  test.match(podView(pods, 'web'), { inMesh: true, enrolled: true, rule: 'pod_label', netns: { toldBy: 'cni', cookie: String(cookie(web)) }, connections: { steered: 1, passed: 0, refused: 0 } });
  test.match(podView(pods, 'plain'), { inMesh: false, enrolled: false, rule: 'no_label' });
  // A sandbox that is made anew has another namespace.
  const again = makePod('again');
  test.equal((await cni(plugin, 'ADD', { name: 'web', netns: again.netns }, 'c-2')).code, 0);
  test.same(cookies(stage), [cookie(again)]);
  test.equal((await cni(plugin, 'DEL', web)).code, 0);
  test.same(cookies(stage), [cookie(again)], 'the end of the first one is not that of the second');
  test.equal((await cni(plugin, 'CHECK', { name: 'web', netns: again.netns }, 'c-2')).code, 0);
  test.equal((await cni(plugin, 'DEL', { name: 'web', netns: again.netns }, 'c-2')).code, 0);
  test.same(cookies(stage), []);
  for (const pod of [web, plain, again]) removePod(pod);
});

await t.test('labels of running pods, of their own and of their namespace; connections that stand go on', async (test) => {
  const stage = await node(test);
  const { api, cgroup } = stage;
  const running = new RunningPod('before', cgroup);
  await running.start();
  test.teardown(() => running.end());
  api.put(podObject('before', KMESH));
  const pods = await started(test, api, stage);
  const enrolled = (wanted: boolean): Promise<void> => until(`in the mesh: ${wanted}`, () => podView(pods, 'before')?.enrolled === wanted);
  const annotated = (wanted: boolean): Promise<void> => api.until(() => (api.get('Pod', 'before', 'shop')?.metadata.annotations?.['kmesh.net/redirection'] === 'enabled') === wanted);
  const label = (labels: Record<string, string>): void => api.put({ ...api.get('Pod', 'before', 'shop')!, metadata: { ...api.get('Pod', 'before', 'shop')!.metadata, labels } });

  await enrolled(true);
  await annotated(true);
  test.match(podView(pods, 'before'), { netns: { toldBy: 'process', inode: fs.statSync(running.pod.netns).ino } }, 'found by its process: it was there before the daemon');
  const kept = await holdFrom(running.pod, cgroup, 1, SERVICE, 80);
  label({});
  await enrolled(false);
  await annotated(false);
  test.same(await ask(running.pod, cgroup), OUT);
  test.same(await kept.peers(), [`${SERVICE} 80`], 'what stands goes on');
  label(KMESH);
  await enrolled(true);
  test.same(await ask(running.pod, cgroup), IN);
  test.same(await kept.peers(), [`${SERVICE} 80`]);
  await kept.release();
  label({});
  await enrolled(false);

  api.put(namespaceObject('shop', { [MODE]: 'KMESH' }));
  await enrolled(true);
  test.match(podView(pods, 'before'), { rule: 'namespace_label' });
  label({ [MODE]: 'none' });
  await enrolled(false);
  label({});
  await enrolled(true);
  api.put(namespaceObject('shop', {}));
  await enrolled(false);
  test.ok(api.requests.some((one) => one.startsWith('GET /api/v1/namespaces?labelSelector=istio.io%2Fdataplane-mode')), 'namespaces without the label are not even sent');
  label(KMESH);
  await enrolled(true);
  api.remove('Pod', 'before', 'shop');
  await until('a pod that is gone is out', () => cookies(stage).length === 0);
});

await t.test('a name that is by now that of a pod of another node', async (test) => {
  const stage = await node(test);
  const { api } = stage;
  const pods = await started(test, api, stage);
  await until('all is told', () => viewOf(pods).synced);
  const moved = makePod('moved');
  api.put(podObject('moved', KMESH, { metadata: { name: 'moved', namespace: 'shop', uid: uidOf('its successor'), labels: KMESH }, spec: { nodeName: 'node-2' } }));
  test.equal((await cni(plugin, 'ADD', moved)).code, 0, 'the pod that is gone does not wait for anything');
  test.same(viewOf(pods).pods, [], 'no watch of this node would ever say that it ends');
  test.same(cookies(stage), []);
  removePod(moved);
});

await t.test('a network namespace that is made anew while nobody tells: by the watch, without an address between, while the watch was away', async (test) => {
  const stage = await node(test);
  const { api, cgroup } = stage;
  const at = (podIP?: string): void => api.put(podObject('anew', KMESH, { status: { phase: 'Running', ...(podIP === undefined ? {} : { podIP }) } }));
  const ways: readonly (readonly [string, string, () => Promise<void>])[] = [
    ['by the watch', '10.0.0.2', async () => {}],
    ['without an address between', '10.0.0.3', async () => at()],
    ['while the watch was away', '10.0.0.4', () => api.goAway()],
  ];
  let running = new RunningPod('anew', cgroup);
  await running.start();
  test.teardown(() => running.end());
  at('10.0.0.1');
  const pods = await started(test, api, stage);
  await until('found', () => cookies(stage).includes(cookie(running.pod)));
  for (const [name, address, before] of ways) {
    await running.end();
    removePod(running.pod);
    running = new RunningPod('anew', cgroup);
    await running.start();
    await before();
    at(address);
    if (name === 'while the watch was away') {
      // It has to be listed anew.
      api.compact();
      await api.listen();
    }
    await until(name, () => podView(pods, 'anew')?.netns?.cookie === String(cookie(running.pod)));
    await until(`${name}: the earlier one is out`, () => cookies(stage).length === 1 && cookies(stage)[0] === cookie(running.pod));
    test.same(await ask(running.pod, cgroup), IN, name);
  }
});

await t.test('a pod that starts while no plugin tells of it', async (test) => {
  const stage = await node(test);
  const { api, cgroup } = stage;
  const pods = await started(test, api, stage);
  await until('all is told', () => viewOf(pods).synced);
  const running = new RunningPod('late', cgroup);
  test.teardown(() => running.end());
  api.put(podObject('late', KMESH, { status: { phase: 'Pending' } }));
  await until('it is known', () => podView(pods, 'late') !== undefined);
  test.match(podView(pods, 'late'), { inMesh: true, enrolled: false });
  await running.start();
  api.put(podObject('late', KMESH));
  await until('it is found by its process', () => podView(pods, 'late')?.enrolled === true);
  test.same(await ask(running.pod, cgroup), IN);
});

await t.test('the API server is away: the last set stays, also for a new daemon, and pods start', async (test) => {
  const stage = await node(test);
  const { api, cgroup, dataplane } = stage;
  const [kept, gone] = [new RunningPod('kept', cgroup), makePod('gone')];
  await kept.start();
  test.teardown(() => kept.end());
  const first = await started(test, api, stage);
  for (const name of ['kept', 'gone']) api.put(podObject(name, KMESH));
  await until('known', () => podView(first, 'gone') !== undefined);
  for (const pod of [kept.pod, gone]) test.equal((await cni(plugin, 'ADD', pod)).code, 0);
  await api.goAway();
  test.same(await ask(kept.pod, cgroup), IN);
  await first.stop();
  test.notOk(fs.existsSync(CNI_SOCKET), 'its socket goes with it');

  const second = await started(test, api, stage);
  const fresh = makePod('fresh');
  test.equal((await cni(plugin, 'ADD', fresh)).code, 0, 'a pod that nobody can be asked about starts all the same');
  test.same(await ask(kept.pod, cgroup), IN);
  test.ok(dataplane.pods.entries().has(cookie(gone)));
  test.match(viewOf(second), { synced: false, pods: [], troubles: [{ code: 'KM_KUBE_UNREACHABLE' }, { code: 'KM_KUBE_UNREACHABLE' }] });
  test.equal(viewOf(second).others.length, 2, 'what is in the set is shown, whosever it is');

  api.put(podObject('fresh', KMESH));
  await api.listen();
  await until('the API server is back, and what the plugin told is not forgotten', () => podView(second, 'fresh')?.enrolled === true);
  test.same(await ask(fresh, cgroup), IN);
  for (const pod of [gone, fresh]) removePod(pod);
});

await t.test('namespaces that are gone are swept, with the API server and without', async (test) => {
  const stage = await node(test);
  const { api, cgroup, dataplane } = stage;
  const running = new RunningPod('lives', cgroup);
  await running.start();
  test.teardown(() => running.end());
  const vanished = makePod('vanished');
  // As a daemon left them that ended a while ago.
  dataplane.pods.add(cookie(running.pod));
  dataplane.pods.add(cookie(vanished));
  removePod(vanished);
  await api.goAway();
  const pods = await started(test, api, stage, { sweepMs: 20 });
  await until('the one that is gone is out', () => cookies(stage).length === 1);
  test.same(await ask(running.pod, cgroup), IN, 'the one that lives stays while nobody can be asked');
  await api.listen();
  await until('it belongs to no pod in the mesh', () => cookies(stage).length === 0);
  test.ok(viewOf(pods).synced);
});

await t.test('pods that were released while no daemon ran are out as soon as the API server has told', async (test) => {
  const stage = await node(test);
  const running = new RunningPod('released', stage.cgroup);
  await running.start();
  test.teardown(() => running.end());
  stage.dataplane.pods.add(cookie(running.pod));
  stage.api.put(podObject('released', {}, { metadata: { name: 'released', namespace: 'shop', uid: uidOf('released'), annotations: { 'kmesh.net/redirection': 'enabled', other: 'kept' } } }));
  await started(test, stage.api, stage);
  await until('it is out', () => cookies(stage).length === 0);
  await stage.api.until(() => stage.api.get('Pod', 'released', 'shop')?.metadata.annotations?.['kmesh.net/redirection'] === undefined);
  test.same(stage.api.get('Pod', 'released', 'shop')?.metadata.annotations, { other: 'kept' });
});

await t.test('a full set: the pod starts, the plugin is told why it is not in the mesh', async (test) => {
  const stage = await node(test, 1);
  const pods = await started(test, stage.api, stage);
  const two = [makePod('full-1'), makePod('full-2')];
  for (const { name } of two) stage.api.put(podObject(name, KMESH, { status: { phase: 'Pending' } }));
  for (const pod of two) test.equal((await cni(plugin, 'ADD', pod)).code, 0);
  test.equal(cookies(stage).length, 1);
  await until('known', () => podView(pods, 'full-2') !== undefined);
  test.match(podView(pods, 'full-2'), { inMesh: true, enrolled: false });
  test.ok(logged.some((line) => /a pod is not in the mesh: km_pod is full: it takes 1 entries; the option is --max-pods/.test(line)));
  for (const pod of two) removePod(pod);
});

await t.test('a patch that is refused is told and tried again; the pod is in the mesh all the same', async (test) => {
  const stage = await node(test);
  const { api } = stage;
  api.faults.set('PATCH ', 403);
  const pods = await started(test, api, stage, { sweepMs: 50 });
  const pod = makePod('shy');
  api.put(podObject('shy', KMESH, { status: { phase: 'Pending' } }));
  await until('known', () => podView(pods, 'shy') !== undefined);
  test.equal((await cni(plugin, 'ADD', pod)).code, 0);
  await until('told', () => viewOf(pods).troubles.some(({ concerns, code }) => concerns === 'annotations' && code === 'KM_KUBE_REFUSED'));
  test.same(await ask(pod, stage.cgroup), IN);
  api.faults.clear();
  await api.until(() => api.get('Pod', 'shy', 'shop')?.metadata.annotations?.['kmesh.net/redirection'] === 'enabled');
  await until('over', () => viewOf(pods).troubles.length === 0);
  removePod(pod);
});

await t.test('a node that cannot tell pods apart: pods start, and it is said what is wrong', async (test) => {
  const stage = await node(test);
  const pods = await started(test, stage.api, stage, { refused: 'no helper' });
  const pod = makePod('nobody');
  test.equal((await cni(plugin, 'ADD', pod)).code, 0);
  test.match(pods.state, { state: 'off', reason: /does not tell network namespaces apart \(no helper\)/ });
  test.match(pods.page(), { manage: 'labelled', off: /no helper/ });
  test.ok(logged.some((line) => line.startsWith('KM_PODS_UNSUPPORTED: no helper')));
  removePod(pod);
});

/** Of compiled code and caches. What is kept of a pod would be more by far after 20 times 110. */
const MORE_BYTES = 1_000_000;

/** A few at once: API server, daemon and test share a process, and a plugin waits a second. */
async function forAll<T, U>(all: readonly T[], work: (one: T) => Promise<U>): Promise<readonly U[]> {
  const done: U[] = [];
  for (let from = 0; from < all.length; from += 4) done.push(...(await Promise.all(all.slice(from, from + 4).map(work))));
  return done;
}

async function usedHeap(): Promise<number> {
  // What is told by FinalizationRegistry goes a turn after what it belongs to.
  for (let pass = 0; pass < 3; pass += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

await t.test('churn leaves nothing: no cookie, no file descriptor, no record, no memory', async (test) => {
  const stage = await node(test);
  const { api } = stage;
  const pods = await started(test, api, stage);
  await until('all is told', () => viewOf(pods).synced);
  const [rounds, count] = (process.env['KMESH_CHURN'] ?? '2x20').split('x').map(Number) as [number, number];
  const round = async (): Promise<number> => {
    const made = Array.from({ length: count }, (_, i) => makePod(`churn-${i}`));
    for (const { name } of made) api.put(podObject(name, KMESH, { status: { phase: 'Pending' } }));
    const answers = await forAll(made, (pod) => cni(plugin, 'ADD', pod));
    test.same(answers.filter(({ code }) => code !== 0), []);
    test.equal(cookies(stage).length, count, 'every pod is in the set when its plugin ends');
    await forAll(made, (pod) => cni(plugin, 'DEL', pod));
    for (const pod of made) removePod(pod);
    for (const { name } of made) api.remove('Pod', name, 'shop');
    await until('no pod is known', () => viewOf(pods).pods.length === 0);
    // What the test itself remembers is not the daemon's.
    api.compact();
    api.requests.splice(0);
    logged.splice(0);
    return usedHeap();
  };
  const first = await round();
  const open = fs.readdirSync('/proc/self/fd').length;
  let last = first;
  for (let i = 1; i < rounds; i += 1) last = await round();
  process.stderr.write(`churn: ${rounds} times ${count} pods: heap ${(first / 1e6).toFixed(2)} MB after the first time, ${(last / 1e6).toFixed(2)} MB after the last; rss ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB\n`);
  test.ok(last - first < MORE_BYTES, `${last - first} bytes of the heap more`);
  test.same([cookies(stage), viewOf(pods).others], [[], []]);
  // Idle connections to the API server end by themselves.
  await until('no file descriptor is left', () => fs.readdirSync('/proc/self/fd').length <= open);
});
