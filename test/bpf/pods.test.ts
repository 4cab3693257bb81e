// SPDX-License-Identifier: Apache-2.0
/** Whose connections are steered: the programs in network namespaces like those of pods. */
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { OWN_GID, takeOwnGid } from '../../daemon/identity.js';
import { Dataplane, removePins } from '../../daemon/maps/dataplane.js';
import { connectDatagram, readNetns } from '../../daemon/pods/netns.js';
import { BPF_SOURCES, buildBpfObject, temporaryFolder } from '../helpers/bpfObject.js';
import { enterSandbox, makeCgroup } from '../helpers/sandbox.js';
import { connectIn, tally } from './client.js';
import { cluster, frontend } from './mesh.js';
import { connectFrom, cookieOf, holdFrom, makeNode, makePod, NODE, NODE6, within } from './podStage.js';
import { countedReasons, openStage, PIN_ROOT, SIZES, stageOptions, startBackend, stopBackends, until } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);
t.afterEach(() => void removePins(PIN_ROOT));

makeNode();
const four = await startBackend('four', NODE);
const six = await startBackend('six', NODE6);
const [inside, beside] = [makePod('inside'), makePod('beside')];
const cookie = cookieOf(inside.netns);
if (cookie === undefined) throw new Error('this kernel has no SO_NETNS_COOKIE, by which the test knows the namespaces');

const SERVICE = [
  ...cluster(1, { v4: [four], v6: [six] }),
  ...cluster(2, {}),
  ...frontend(1, '10.96.0.1', 80, { cluster: 1 }),
  ...frontend(2, 'fd00:10:96::1', 80, { cluster: 1 }),
  ...frontend(3, '10.96.0.2', 80, { cluster: 2 }),
];
const NOWHERE = { ENETUNREACH: 1 };

await t.test('the pods of the set are steered, and nobody else', async (test) => {
  const { dataplane, cgroup } = openStage({ manage: 'labelled' });
  await dataplane.apply(SERVICE);
  test.equal(dataplane.podsRefused, undefined);
  const ask = async (address: string) => [tally(await connectFrom(inside, cgroup, address, 80)), tally(await connectFrom(beside, cgroup, address, 80)), tally(await connectIn(cgroup, address, 80))];
  test.same(await ask('10.96.0.1'), [NOWHERE, NOWHERE, NOWHERE], 'with an empty set nobody is');

  dataplane.pods.add(cookie);
  const reasons = await countedReasons(dataplane, async () => {
    test.same(await ask('10.96.0.1'), [{ four: 1 }, NOWHERE, NOWHERE]);
    test.same(await ask('fd00:10:96::1'), [{ six: 1 }, NOWHERE, NOWHERE]);
    test.same(tally(await connectFrom(inside, cgroup, '10.96.0.2', 80)), { ECONNREFUSED: 1 });
    test.same(tally(await connectFrom(inside, cgroup, '-g', OWN_GID, '10.96.0.1', 80)), NOWHERE);
    test.same(tally(await connectFrom(inside, cgroup, NODE, four.port)), { four: 1 });
    test.same(tally(await connectFrom(beside, cgroup, NODE, four.port)), { four: 1 }, 'and those beside have the network that they had');
  });
  test.same(reasons, { steered: 2, no_endpoints: 1, own_connection: 1, no_listener: 1, not_managed: 5 });
  test.same(dataplane.pods.entries(), new Map([[cookie, { steered: 2, passed: 2, refused: 1 }]]), 'each pod has its own counters');

  dataplane.pods.add(cookie);
  test.equal(dataplane.pods.entries().get(cookie)?.steered, 2, 'added again, it keeps them');
  dataplane.pods.remove(cookie);
  dataplane.pods.remove(cookie);
  test.same(await ask('10.96.0.1'), [NOWHERE, NOWHERE, NOWHERE], 'released');
  test.same(dataplane.pods.entries(), new Map());
  dataplane.close();
});

await t.test('a pod that is released keeps its connections, and their peers', async (test) => {
  const { dataplane, cgroup } = openStage({ manage: 'labelled' });
  await dataplane.apply(SERVICE);
  dataplane.pods.add(cookie);
  const kept = await holdFrom(inside, cgroup, 2, '10.96.0.1', 80);
  dataplane.pods.remove(cookie);
  test.same(await kept.peers(), ['10.96.0.1 80', '10.96.0.1 80']);
  test.equal(dataplane.counters().clusters.get(1)?.active, 2);
  await kept.release();
  await until('they are counted until they end', () => dataplane.counters().clusters.get(1)?.active === 0);
  dataplane.close();
});

await t.test('with --manage all the set counts for nothing', async (test) => {
  const { dataplane, cgroup } = openStage({ manage: 'all' });
  await dataplane.apply(SERVICE);
  dataplane.pods.add(cookie);
  test.same(tally(await connectFrom(beside, cgroup, '10.96.0.1', 80)), { four: 1 });
  test.same(tally(await connectIn(cgroup, '10.96.0.1', 80)), { four: 1 });
  test.same(dataplane.pods.entries().get(cookie), { steered: 0, passed: 0, refused: 0 });
  dataplane.close();
});

await t.test('the set outlives the daemon', async (test) => {
  const options = stageOptions({ manage: 'labelled' });
  const first = Dataplane.open(options);
  first.attach();
  await first.apply(SERVICE);
  first.pods.add(cookie);
  first.close();
  test.same(tally(await connectFrom(inside, options.cgroupPath, '10.96.0.1', 80)), { four: 1 }, 'while none is there');
  const second = Dataplane.open(options);
  test.ok(second.adopted);
  second.attach();
  test.same(second.pods.entries(), new Map([[cookie, { steered: 1, passed: 0, refused: 0 }]]));
  test.same(tally(await connectFrom(inside, options.cgroupPath, '10.96.0.1', 80)), { four: 1 });
  second.close();
});

await t.test('a full set names its option', async (test) => {
  const { dataplane } = openStage({ manage: 'labelled' });
  for (let i = 1n; i <= SIZES.pods; i += 1n) dataplane.pods.add(i);
  test.throws(() => dataplane.pods.add(1000n), { code: 'KM_MAP_FULL', message: /--max-pods/ });
  dataplane.pods.add(1n);
  test.equal(dataplane.pods.entries().size, SIZES.pods);
  dataplane.close();
});

await t.test('programs for a kernel without the helper let everybody pass', async (test) => {
  const { dataplane, cgroup } = openStage({ manage: 'labelled', objectFile: buildBpfObject({ setRetval: true, netnsCookie: false }) });
  await dataplane.apply(SERVICE);
  test.match(dataplane.podsRefused, /without the helper get_netns_cookie/);
  dataplane.pods.add(cookie);
  test.same(await countedReasons(dataplane, () => connectFrom(inside, cgroup, '10.96.0.1', 80)), { not_managed: 1 });
  dataplane.close();
});

await t.test('a kernel that refuses the helper gets programs that let everybody pass, and says why', async (test) => {
  const sources = path.join(temporaryFolder(), 'bpf');
  fs.cpSync(fs.realpathSync(BPF_SOURCES), sources, { recursive: true });
  for (const file of ['lib/pod.h', 'kmesh.bpf.c']) {
    const text = fs.readFileSync(path.join(sources, file), 'utf8');
    test.match(text, 'bpf_get_netns_cookie(ctx)');
    fs.writeFileSync(path.join(sources, file), text.replace('bpf_get_netns_cookie(ctx)', '((__u64 (*)(void *))9999)(ctx)'));
  }
  const objectFile = buildBpfObject({ setRetval: true, sources });
  const { dataplane, cgroup } = openStage({ manage: 'labelled', objectFile });
  await dataplane.apply(SERVICE);
  test.match(dataplane.podsRefused, /invalid func unknown#9999/);
  dataplane.pods.add(cookie);
  test.same(await countedReasons(dataplane, () => connectFrom(inside, cgroup, '10.96.0.1', 80)), { not_managed: 1 });
  dataplane.close();
  removePins(PIN_ROOT);
  const all = openStage({ manage: 'all', objectFile });
  await all.dataplane.apply(SERVICE);
  test.equal(all.dataplane.podsRefused, undefined);
  test.same(tally(await connectFrom(inside, all.cgroup, '10.96.0.1', 80)), { four: 1 }, 'with --manage all nothing is called');
  all.dataplane.close();
});

await t.test('a cookie is learned from a connect, where the socket option is not there', async (test) => {
  const cgroup = makeCgroup();
  const before = /^0::(.*)$/m.exec(fs.readFileSync('/proc/self/cgroup', 'utf8'))![1]!;
  const enter = (folder: string): void => fs.writeFileSync(path.join(folder, 'cgroup.procs'), String(process.pid));
  const { dataplane } = openStage({ manage: 'labelled', cgroupPath: cgroup });
  const learn = (netns: string) => within(netns, () => dataplane.learnNetnsCookie(connectDatagram));
  enter(cgroup);
  try {
    test.equal(learn(inside.netns), undefined, 'another real group id is not listened to');
    takeOwnGid();
    test.equal(learn(inside.netns), cookie);
    test.equal(learn(beside.netns), cookieOf(beside.netns));
  } finally {
    enter(path.join(cgroup, '..', before));
  }
  test.equal(learn(inside.netns), cookie, 'the daemon is outside of the cgroup that it steers (--attach-cgroup)');
  dataplane.close();
});

await t.test('the namespace of a path', async (test) => {
  const never = (): undefined => undefined;
  const { ino, dev } = fs.statSync(inside.netns);
  const here = fs.readlinkSync('/proc/thread-self/ns/net');
  test.same(readNetns(inside.netns, never), { device: dev, inode: ino, cookie });
  test.throws(() => readNetns('/proc/self/ns/uts', never), /cannot be entered/);
  test.throws(() => readNetns('/proc/self/ns/none', never), { code: 'ENOENT' });
  test.equal(fs.readlinkSync('/proc/thread-self/ns/net'), here, 'the way back was found');
});
