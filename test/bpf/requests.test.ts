// SPDX-License-Identifier: Apache-2.0
/**
 * When the program that requests are shown to is in force. A folder stands for the module, and a tracepoint of the
 * kernel's own that nothing else on the machine comes by for its tracepoint: what the freezing of a cgroup shows is no
 * request, and is counted as one that cannot be read.
 */
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { Dataplane, removePins } from '../../daemon/maps/dataplane.js';
import { LAYOUT_VERSION, REQUEST_ABI } from '../../daemon/maps/layout.js';
import { call } from '../../daemon/maps/libbpf.js';
import { BpfMap } from '../../daemon/maps/map.js';
import { BPF_SOURCES, buildBpfObject, temporaryFolder } from '../helpers/bpfObject.js';
import { enterSandbox, makeCgroup } from '../helpers/sandbox.js';
import { startRequestClient } from './requestClient.js';
import { connectIn, tally } from './client.js';
import { table, toCluster, vhost } from './routes.js';
import { cluster, frontend } from './mesh.js';
import { PIN_ROOT, stageOptions, startBackend, stopBackends, until } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);

const LINKS = path.join(PIN_ROOT, 'links');
const PORT = 80;
const folder = path.join(temporaryFolder(), 'kmesh');
const options = stageOptions({ module: { folder, tracepoint: 'cgroup_freeze' } });

function insertModule({ abi = REQUEST_ABI, accepting = 'Y' }: { readonly abi?: number | undefined; readonly accepting?: string } = {}): void {
  for (const name of ['parameters', 'counters']) fs.mkdirSync(path.join(folder, name), { recursive: true });
  fs.writeFileSync(path.join(folder, 'parameters', 'abi'), `${abi}\n`);
  fs.writeFileSync(path.join(folder, 'parameters', 'accepting'), `${accepting}\n`);
  fs.writeFileSync(path.join(folder, 'counters', 'takeovers'), '7\n');
}

function removeModule(): void {
  fs.rmSync(folder, { recursive: true, force: true });
}

t.afterEach(() => {
  removePins(PIN_ROOT);
  removeModule();
});

const frozen = path.join(makeCgroup(), 'cgroup.freeze');

/** How many programs are shown what happens at the tracepoint. */
function programsInForce(dataplane: Dataplane): number {
  const before = dataplane.counters().l7.not_published;
  fs.writeFileSync(frozen, '1');
  fs.writeFileSync(frozen, '0');
  return dataplane.counters().l7.not_published - before;
}

const requestPins = (): string[] => (fs.existsSync(LINKS) ? fs.readdirSync(LINKS).filter((name) => name.startsWith('request')) : []);

await t.test('the module is there before the daemon', async (test) => {
  insertModule();
  const dataplane = Dataplane.open(options);
  test.equal(dataplane.l7.state, 'off');
  dataplane.attach();
  test.match(dataplane.l7, { state: 'on' });
  test.same(requestPins(), ['request']);
  test.equal(programsInForce(dataplane), 1);
  test.same(dataplane.module(), { abi: REQUEST_ABI, accepting: true, counters: { takeovers: 7 } });
  test.match(dataplane.followModule(), { state: 'on' });
  test.equal(programsInForce(dataplane), 1, 'looking again attaches nothing');
  dataplane.close();
  test.same(requestPins(), ['request'], 'it goes on without the daemon');
});

await t.test('the module comes, goes and comes again', async (test) => {
  const dataplane = Dataplane.open(options);
  dataplane.attach();
  test.match(dataplane.l7, { state: 'off', reason: /not loaded/ });
  test.equal(dataplane.module(), undefined);

  insertModule();
  test.match(dataplane.followModule(), { state: 'on' });
  test.equal(programsInForce(dataplane), 1);

  // As the agent removes it: stop, give up the link, remove.
  insertModule({ accepting: 'N' });
  test.match(dataplane.followModule(), { state: 'off', reason: /takes no connections/ });
  test.same(requestPins(), ['request'], 'sockets that are held back still want their routes');
  fs.unlinkSync(path.join(LINKS, 'request'));
  dataplane.followModule();
  test.same(requestPins(), [], 'nothing is attached to a module that is about to go');
  // The kernel detaches a program in its own time after its last link is gone.
  await until('no program is in force', () => programsInForce(dataplane) === 0);
  removeModule();
  test.match(dataplane.followModule(), { state: 'off', reason: /not loaded/ });

  insertModule();
  test.match(dataplane.followModule(), { state: 'on' });
  test.equal(programsInForce(dataplane), 1);
  dataplane.close();
});

await t.test('a restarted daemon takes over with one link left', async (test) => {
  insertModule();
  const first = Dataplane.open(options);
  first.attach();
  first.close();
  // One that was killed between two steps left a link under its second name.
  fs.renameSync(path.join(LINKS, 'request'), path.join(LINKS, 'request_next'));
  const second = Dataplane.open(options);
  second.attach();
  test.match(second.l7, { state: 'on' });
  test.same(requestPins(), ['request']);
  // The kernel detaches a program in its own time after its last link is gone.
  await until('one program is in force', () => programsInForce(second) === 1);
  second.close();
});

await t.test('those that are killed before their hooks are in force take no program away from the hooks that are', async (test) => {
  insertModule();
  const first = Dataplane.open(options);
  first.attach();
  first.close();
  for (const killed of [1, 2]) {
    const dataplane = Dataplane.open({ ...options, cgroupPath: path.join(options.cgroupPath, 'is-not-there') });
    test.throws(() => dataplane.attach(), /is-not-there/);
    test.equal(programsInForce(dataplane), 1 + killed, 'the first one is among them');
    dataplane.close();
  }
  const last = Dataplane.open(options);
  last.attach();
  test.same(requestPins(), ['request']);
  await until('one program is in force', () => programsInForce(last) === 1);
  last.close();
});

await t.test('cleanup knows the links of those that were killed', async (test) => {
  insertModule();
  const dataplane = Dataplane.open({ ...options, cgroupPath: path.join(options.cgroupPath, 'is-not-there') });
  for (const _ of [1, 2]) test.throws(() => dataplane.attach(), /is-not-there/);
  test.equal(requestPins().length, 2);
  dataplane.close();
  test.same(removePins(PIN_ROOT).left, []);
});

const MODULES: readonly (readonly [string, () => void, RegExp])[] = [
  ['of another contract', () => insertModule({ abi: REQUEST_ABI + 1 }), new RegExp(`contract ${REQUEST_ABI + 1}, the programs have ${REQUEST_ABI}`)],
  ['of somebody else', () => fs.mkdirSync(folder, { recursive: true }), /not of this project/],
  ['that is about to be removed', () => insertModule({ accepting: 'N' }), /takes no connections/],
];

for (const [name, insert, reason] of MODULES) {
  await t.test(`a module ${name}`, async (test) => {
    insert();
    const dataplane = Dataplane.open(options);
    test.equal(dataplane.attach().length, 6, 'connections are steered all the same');
    test.match(dataplane.l7, { state: 'off', reason });
    test.match(dataplane.followModule(), { state: 'off', reason });
    test.same(requestPins(), []);
    dataplane.close();
  });
}

await t.test('a module of another contract is not held by the link of an earlier daemon', async (test) => {
  insertModule();
  const first = Dataplane.open(options);
  first.attach();
  first.close();
  insertModule({ abi: REQUEST_ABI + 1 });
  const second = Dataplane.open(options);
  second.attach();
  test.same(requestPins(), []);
  second.close();
});

await t.test('a tracepoint that is not there is told, and tried again', async (test) => {
  insertModule();
  const dataplane = Dataplane.open({ ...options, module: { folder, tracepoint: 'kmesh_request' } });
  test.equal(dataplane.attach().length, 6);
  test.match(dataplane.l7, { state: 'off', reason: /cannot be attached.*ENOENT/s });
  test.match(dataplane.followModule(), { state: 'off', reason: /cannot be attached/ });
  dataplane.close();
});

await t.test('a kernel that refuses to read requests steers connections without', async (test) => {
  const a = await startBackend('a', '127.0.0.1');
  const b = await startBackend('b', '127.0.0.2');
  const sources = temporaryFolder();
  fs.cpSync(BPF_SOURCES, sources, { recursive: true });
  const part = path.join(sources, 'lib', 'part.h');
  // As under lockdown: a helper that no program may call.
  fs.writeFileSync(part, `${fs.readFileSync(part, 'utf8').replace('#define KM_HALVES', 'static long (*km_refused)(void *, __u64, const void *) = (void *)999;\n#define KM_HALVES').replaceAll('bpf_probe_read_kernel(', 'km_refused(')}`);
  insertModule();
  const refused = { ...options, objectFile: buildBpfObject({ setRetval: true, sources }) };

  const earlier = Dataplane.open(options);
  earlier.attach();
  earlier.close();
  const dataplane = Dataplane.open(refused);
  test.ok(dataplane.adopted);
  dataplane.attach();
  test.match(dataplane.l7, { state: 'off', reason: /lets no program read requests: .*999/ });
  test.same(requestPins(), [], 'the link of the earlier daemon does not hold the module for nothing');

  await dataplane.apply([
    ...cluster(1, { v4: [a] }),
    ...cluster(2, { v4: [b] }),
    ...vhost(1, [toCluster(2)]),
    table(1, { any: 1 }),
    ...frontend(1, '10.96.0.1', PORT, { cluster: 1 }, 1),
  ]);
  const client = startRequestClient(refused.cgroupPath);
  test.same(tally(await client.connect('10.96.0.1', PORT, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')), { a: 1 }, 'by the default decision');
  await client.close();
  test.same(tally(await connectIn(refused.cgroupPath, '10.96.0.1', PORT)), { a: 1 });
  dataplane.close();
});

await t.test("the helpers of Kmesh's own kernel patches are called by their ids, and a kernel that refuses them routes without", async (test) => {
  insertModule();
  const objectFile = buildBpfObject({ setRetval: true, vendorHelpers: { strnstr: 999, parse_header_msg: 998 } });
  test.ok(calls(objectFile, 999));
  test.notOk(calls(objectFile, 998), 'what needs another module than ours is not called');
  test.notOk(calls(options.objectFile, 999));
  // Here 999 is no helper: as on a kernel whose helper has another form than the one that the sources know.
  const dataplane = Dataplane.open({ ...options, objectFile });
  dataplane.attach();
  test.match(dataplane.l7, { state: 'on' });
  dataplane.close();
});

await t.test('requests that nobody withdrew are gone when a module comes', async (test) => {
  const dataplane = Dataplane.open(options);
  dataplane.attach();
  const shown = openRequests();
  for (const cookie of [1, 2, 3]) shown.put(Buffer.from(new BigUint64Array([BigInt(cookie)]).buffer), Buffer.alloc(shown.valueSize), 1, 0);
  insertModule();
  dataplane.followModule();
  let left = 0;
  shown.each(() => (left += 1));
  test.equal(left, 0);
  dataplane.close();
});

/** Whether an object has the instruction that calls a helper (BPF_JMP | BPF_CALL, its id as immediate). */
function calls(objectFile: string, id: number): boolean {
  const call = Buffer.from([0x85, 0, 0, 0, 0, 0, 0, 0]);
  call.writeUInt32LE(id, 4);
  return fs.readFileSync(objectFile).includes(call);
}

/** The pinned map of requests; its form is read from struct bpf_map_info (uapi bpf.h). */
function openRequests(): BpfMap {
  const fd = call('bpf_obj_get', path.join(PIN_ROOT, `maps-v${LAYOUT_VERSION}`, 'km_request'));
  t.teardown(() => fs.closeSync(fd));
  const info = Buffer.alloc(128);
  const length = Buffer.from(new Uint32Array([info.length]).buffer);
  call('bpf_obj_get_info_by_fd', fd, info, length);
  return new BpfMap({ name: 'km_request', fd, keySize: info.readUInt32LE(8), valueSize: info.readUInt32LE(12), maxEntries: info.readUInt32LE(16) });
}
