// SPDX-License-Identifier: Apache-2.0
/** What stays in force while the daemon is away, and how a new one takes over. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { Dataplane, removePins, type DataplaneErrorCode } from '../../daemon/maps/dataplane.js';
import { HOOKS } from '../../daemon/maps/hooks.js';
import { LAYOUT_VERSION } from '../../daemon/maps/layout.js';
import { ALL_MAP_NAMES } from '../../daemon/maps/records.js';
import { hasMemoryCgroups, limitedMemory, within } from '../helpers/memoryCgroup.js';
import { enterSandbox, makeCgroup } from '../helpers/sandbox.js';
import { temporaryFolder } from '../helpers/bpfObject.js';
import { connectIn, holdIn, tally } from './client.js';
import { cluster, frontend } from './mesh.js';
import { PIN_ROOT, SIZES, stageOptions, startBackend, stopBackends, until } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);

const PORT = 80;
const a = await startBackend('a', '127.0.0.1');
const options = stageOptions();
const MAPS = path.join(PIN_ROOT, `maps-v${LAYOUT_VERSION}`);
const SERVICE = [...cluster(1, { v4: [a] }), ...frontend(1, '10.96.0.1', PORT, { cluster: 1 })];

t.afterEach(() => {
  removePins(PIN_ROOT);
});

/** A daemon's life: opens, attaches, does something, goes. */
async function life<T>(during: (dataplane: Dataplane, attached: ReturnType<Dataplane['attach']>) => T | Promise<T>, changed: Partial<typeof options> = {}): Promise<T> {
  const dataplane = Dataplane.open({ ...options, ...changed });
  try {
    return await during(dataplane, dataplane.attach());
  } finally {
    dataplane.close();
  }
}

await t.test('maps for which the memory limit leaves no room are told as that', { skip: !hasMemoryCgroups && 'no memory controller of cgroups here' }, async (test) => {
  const cgroup = limitedMemory(test, 100 * 2 ** 20);
  test.throws(() => within(cgroup, () => Dataplane.open({ ...options, sizes: { ...SIZES, endpoints: 20_000_000 } })), { code: 'KM_BPF_MEMORY', message: /ENOMEM/ });
  test.notOk(fs.existsSync(MAPS));
});

await t.test('the mesh goes on without a daemon, and the next one takes over in place', async (test) => {
  const first = await life(async (dataplane, attached) => {
    test.notOk(dataplane.adopted);
    test.same(attached.map(({ hook, action }) => [hook, action]), ['sockops', 'sock_release', 'getpeername4', 'getpeername6', 'connect4', 'connect6'].map((hook) => [hook, 'attached']));
    await dataplane.apply(SERVICE);
    await connectIn(options.cgroupPath, '-n', 3, '10.96.0.1', PORT);
    return attached;
  });
  const held = await holdIn(options.cgroupPath, 2, '10.96.0.1', PORT);
  test.same(tally(held.connections), { a: 2 }, 'steered while no daemon is there');

  await life(async (dataplane, attached) => {
    test.ok(dataplane.adopted);
    test.same(dataplane.keptSizes, []);
    test.same(attached.map(({ action }) => action), first.map(() => 'replaced'));
    test.same(attached.map(({ linkId }) => linkId), first.map(({ linkId }) => linkId), 'the links are the same');
    for (const [i, { hook, programId }] of attached.entries()) test.not(programId, first[i]!.programId, `${hook} has the new program`);
    test.same(dataplane.counters().clusters.get(1), { active: 2, steered: 5, refused: 0 }, 'the counters go on');
    test.same(dataplane.read().frontends.map(({ key }) => key.address), ['10.96.0.1']);
    await held.release();
    await until('the new programs follow sockets of the old ones', () => dataplane.counters().clusters.get(1)?.active === 0);
  });
});

await t.test('no connection goes by while programs are replaced', async (test) => {
  await life((dataplane) => dataplane.apply(SERVICE));
  const total = 3000;
  let running = true;
  const client = connectIn(options.cgroupPath, '-n', total, '10.96.0.1', PORT).finally(() => {
    running = false;
  });
  let replaced = 0;
  while (running) {
    await life(() => undefined);
    replaced += 1;
    // The backend is in this process: connections go on while nothing is replaced.
    await pause(20);
  }
  test.same(tally(await client), { a: total }, `${replaced} times replaced meanwhile`);
  test.ok(replaced > 1);
});

await t.test('another cgroup: the new one is steered, then the old one no more', async (test) => {
  await life((dataplane) => dataplane.apply(SERVICE));
  const other = makeCgroup();
  await life(
    (_dataplane, attached) => {
      test.same(new Set(attached.map(({ action }) => action)), new Set(['moved']));
    },
    { cgroupPath: other },
  );
  test.same(tally(await connectIn(other, '10.96.0.1', PORT)), { a: 1 });
  test.same(tally(await connectIn(options.cgroupPath, '10.96.0.1', PORT)), { ENETUNREACH: 1 });
  test.same(fs.readdirSync(path.join(PIN_ROOT, 'links')).sort(), ['connect4', 'connect6', 'getpeername4', 'getpeername6', 'sock_release', 'sockops']);
});

await t.test('a cgroup that was removed meanwhile', async (test) => {
  const gone = makeCgroup();
  await life((dataplane) => dataplane.apply(SERVICE), { cgroupPath: gone });
  fs.rmdirSync(gone);
  await life((_dataplane, attached) => test.same(new Set(attached.map(({ action }) => action)), new Set(['moved'])));
  test.same(tally(await connectIn(options.cgroupPath, '10.96.0.1', PORT)), { a: 1 });
});

await t.test('a daemon that was killed between pinning a link and giving it its name', async (test) => {
  await life((dataplane) => dataplane.apply(SERVICE));
  const links = path.join(PIN_ROOT, 'links');
  fs.renameSync(path.join(links, 'connect4'), path.join(links, 'connect4_next'));
  await life((_dataplane, attached) => test.same(new Set(attached.map(({ action }) => action)), new Set(['replaced'])));
  test.notOk(fs.existsSync(path.join(links, 'connect4_next')));
  test.same(tally(await connectIn(options.cgroupPath, '-n', 2, '10.96.0.1', PORT)), { a: 2 });
});

await t.test('adopted maps keep their size, and it is told', async (test) => {
  await life((dataplane) => dataplane.apply(SERVICE));
  await life(
    (dataplane) => {
      test.ok(dataplane.adopted);
      test.same(dataplane.keptSizes, [
        { map: 'km_slot', entries: SIZES.endpoints, wanted: 2 * SIZES.endpoints, option: '--max-endpoints' },
        { map: 'km_endpoint_state', entries: SIZES.endpoints, wanted: 2 * SIZES.endpoints, option: '--max-endpoints' },
      ]);
    },
    { sizes: { ...SIZES, endpoints: 2 * SIZES.endpoints } },
  );
});

await t.test('a set of maps with a hole is not adopted', async (test) => {
  await life((dataplane) => dataplane.apply(SERVICE));
  fs.unlinkSync(path.join(MAPS, 'km_slot'));
  await life(async (dataplane) => {
    test.notOk(dataplane.adopted);
    test.same(dataplane.read().frontends, []);
    await dataplane.apply(SERVICE);
  });
  await life((dataplane) => test.ok(dataplane.adopted, 'the new set is whole'));
});

await t.test('maps of another layout are left alone until the programs are in force, then removed', async (test) => {
  await life((dataplane) => dataplane.apply(SERVICE));
  const old = path.join(PIN_ROOT, 'maps-v0');
  fs.renameSync(MAPS, old);
  const dataplane = Dataplane.open(options);
  test.notOk(dataplane.adopted);
  test.ok(fs.existsSync(old));
  test.same(tally(await connectIn(options.cgroupPath, '10.96.0.1', PORT)), { a: 1 }, 'the old programs steer with the old maps');
  await dataplane.apply(SERVICE);
  dataplane.attach();
  test.notOk(fs.existsSync(old));
  test.same(tally(await connectIn(options.cgroupPath, '10.96.0.1', PORT)), { a: 1 });
  dataplane.close();
});

await t.test('removing the pins ends all steering, and touches nothing else', async (test) => {
  await life((dataplane) => dataplane.apply(SERVICE));
  const result = removePins(PIN_ROOT);
  test.equal(result.removed.length, HOOKS.length + ALL_MAP_NAMES.length, 'links and maps');
  test.same(result.left, []);
  test.notOk(fs.existsSync(PIN_ROOT));
  test.same(tally(await connectIn(options.cgroupPath, '10.96.0.1', PORT)), { ENETUNREACH: 1 });
  test.same(removePins(PIN_ROOT), { removed: [], left: [] }, 'a second time there is nothing to do');

  await life(() => undefined);
  const foreign = path.join(PIN_ROOT, 'links', 'another');
  fs.renameSync(path.join(PIN_ROOT, 'links', 'sockops'), foreign);
  test.same(removePins(PIN_ROOT).left, [foreign], 'what is not ours stays');
  fs.unlinkSync(foreign);
});

const plain = temporaryFolder();
/** What is wrong, the error's code, and what its text has to name. */
const ERRORS: readonly (readonly [string, Partial<typeof options>, DataplaneErrorCode, string])[] = [
  ['an object that is missing', { objectFile: '/nonexistent/kmesh.bpf.o' }, 'KM_BPF_OBJECT', '/nonexistent/kmesh.bpf.o'],
  ['an object that is no eBPF', { objectFile: '/proc/self/exe' }, 'KM_BPF_OBJECT', '/proc/self/exe'],
  ['a pin root outside of bpffs', { pinRoot: path.join(plain, 'pins') }, 'KM_BPF_FS', plain],
  ['a pin root in no folder', { pinRoot: '/nonexistent/pins' }, 'KM_BPF_FS', '/nonexistent'],
  ['a cgroup that is missing', { cgroupPath: '/nonexistent' }, 'KM_BPF_CGROUP', '/nonexistent'],
  ['a folder that is no cgroup', { cgroupPath: plain }, 'KM_BPF_CGROUP', plain],
];

for (const [name, changed, code, named] of ERRORS) {
  await t.test(`${name} is ${code}`, async (test) => {
    await test.rejects(life(() => undefined, changed), { name: 'DataplaneError', code, message: new RegExp(named) });
  });
}
