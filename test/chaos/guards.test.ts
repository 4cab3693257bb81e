// SPDX-License-Identifier: Apache-2.0
/** What the chaos lane counts, it sees: each of its guards bites. */
import fs from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { Dataplane, removePins } from '../../daemon/maps/dataplane.js';
import { PIN_ROOT, SIZES, stageOptions } from '../bpf/stage.js';
import { enterSandbox, makeCgroup } from '../helpers/sandbox.js';
import { eventually } from './eventually.js';
import { Load, startBackends } from './load.js';
import { bpfObjects, openFiles, pins, processesWith, zombiesOf } from './traces.js';

await enterSandbox(import.meta.url);

const a = { name: 'a', address: '127.0.0.1', port: 7001 };
const b = { name: 'b', address: '127.0.0.1', port: 7002 };
const backends = await startBackends([a, b]);
const cgroup = makeCgroup();
t.teardown(() => backends.kill('SIGKILL'));

const at = ({ address, port }: { readonly address: string; readonly port: number }): string => `${address} ${port}`;

/** A load until `enough`, then its end. */
async function loadUntil(truth: Record<string, readonly string[]>, enough: (load: Load) => boolean) {
  const load = new Load(cgroup, truth, 40, 4);
  t.teardown(() => load.kill());
  await eventually('the load has seen enough', () => enough(load));
  return load.finish();
}

await t.test('connections that go right are no fault', async (t) => {
  const seen = await loadUntil({ [at(a)]: ['a'], [at(b)]: ['b'] }, ({ seen }) => seen.answered > 20 && seen.bytes > 4000);
  t.match(seen, { lost: {}, wrong: {}, done: true, stood: 4 });
  t.equal(seen.opened, seen.answered);
});

await t.test('a wrong backend, and one that is not right any more', async (t) => {
  const seen = await loadUntil({ [at(a)]: ['b'] }, ({ seen }) => Object.keys(seen.wrong).length > 0);
  t.ok(seen.wrong[`${at(a)} answered by a, right b`]! > 0, JSON.stringify(seen.wrong));
  const load = new Load(cgroup, { [at(a)]: ['a'] }, 40, 0);
  await eventually('some went right', () => load.seen.answered > 5);
  t.same(load.seen.wrong, {});
  load.tell({ [at(a)]: ['b'] });
  await eventually('it is seen', () => Object.keys(load.seen.wrong).length > 0);
  await load.finish();
});

await t.test('connections that are refused, cut off, or carry other bytes', async (t) => {
  const refused = await loadUntil({ '127.0.0.1 7009': ['a'] }, ({ seen }) => seen.opened > 5);
  t.ok(refused.lost['new: ECONNREFUSED']! > 5, JSON.stringify(refused.lost));
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('liar\n');
    socket.on('data', (part) => socket.write(Buffer.alloc(part.length)));
    setTimeout(() => socket.destroy(), 1000);
  });
  server.listen(7003, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const load = new Load(cgroup, { '127.0.0.1 7003': ['liar'] }, 2, 4);
  t.teardown(() => load.kill());
  await eventually('both are seen', () => (load.seen.wrong['standing: other bytes came back'] ?? 0) > 0 && Object.keys(load.seen.lost).some((what) => what.startsWith('standing: ')));
});

await t.test('maps, programs, links and pins that stay, and files and zombies', async (t) => {
  const mark = 1009;
  const sizes = Object.fromEntries(Object.keys(SIZES).map((name) => [name, mark])) as unknown as typeof SIZES;
  const [before, beforePins] = [bpfObjects(mark), pins()];
  t.same(before, { programs: {}, maps: {}, links: 0 });
  const dataplane = Dataplane.open(stageOptions({ sizes }));
  const other = Dataplane.open(stageOptions());
  t.same([1, 1, undefined], ['km_cluster', 'km_sock', 'km_nothing'].map((name) => bpfObjects(mark).maps[name]), 'maps that a process holds, but not those of another node');
  other.close();
  dataplane.attach();
  dataplane.close();
  const leaked = bpfObjects(mark);
  t.equal(leaked.links, 6);
  t.equal(leaked.programs['km_connect4'], 1);
  t.same(['km_name', 'km_endpoint_sta', 'km_request'].map((name) => leaked.maps[name]), [1, 1, 1]);
  t.ok(pins().length > beforePins.length);
  removePins(PIN_ROOT);
  await eventually('all of them are gone', () => JSON.stringify(bpfObjects(mark)) === JSON.stringify(before));
  t.same(pins(), beforePins);
  const filesBefore = openFiles(process.pid)['/dev/null'] ?? 0;
  const fd = fs.openSync('/dev/null', 'r');
  t.equal(openFiles(process.pid)['/dev/null'], filesBefore + 1);
  fs.closeSync(fd);
  t.equal(processesWith('backend.mjs a@127.0.0.1:7001').length, 1);
  const zombie = spawn('sh', ['-c', 'true & exec sleep 60'], { stdio: 'ignore' });
  t.teardown(() => zombie.kill('SIGKILL'));
  await eventually('a child that nobody reaps', () => zombiesOf([zombie.pid!]) === 1);
  t.equal(zombiesOf([process.pid]), 0);
});
