// SPDX-License-Identifier: Apache-2.0
// What PID 1 owes to everybody else, in a pid namespace of its own; what it is like without is shown beside it.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import t from 'tap';
import { reapOrphans } from '../../agent/reaper.js';
import { FORWARDED_SIGNALS } from '../../agent/supervisor/signals.js';
import { sys } from '../../agent/sys.js';
import { projectRoot, temporaryFolder } from '../helpers/agentContext.js';

const folder = temporaryFolder(t);
symlinkSync(path.join(projectRoot, 'node_modules'), path.join(folder, 'node_modules'));
const worker = path.join(folder, 'worker.mjs');
await build({
  entryPoints: [path.join(projectRoot, 'test/helpers/initWorker.ts')],
  outfile: worker,
  bundle: true,
  platform: 'node',
  format: 'esm',
  external: ['koffi'],
  banner: { js: "import { createRequire as kmeshCreateRequire } from 'node:module'; const require = kmeshCreateRequire(import.meta.url);" },
  logLevel: 'error',
});

const env = { ...process.env, NODE_OPTIONS: '' };
const unshare = ['--pid', '--fork', '--kill-child', '--mount-proc'];
const asInit = (...words: string[]): SpawnSyncReturns<string> => spawnSync('unshare', [...unshare, process.execPath, worker, ...words], { env, encoding: 'utf8', timeout: 600_000 });

const possible = spawnSync('unshare', [...unshare, 'true']).status === 0;
const skip = possible || process.env['CI'] === 'true' ? false : 'needs root: a pid namespace';

interface Contract {
  readonly pid: number;
  readonly bare: number;
  readonly first: number;
  readonly exits: number[];
  readonly kills: number[];
  readonly family: { told: number; wrong: number };
  readonly left: number;
  readonly children: [number[], number[]];
  readonly taken: number;
  readonly group: number;
  readonly forwarding: unknown;
  readonly zombies: number;
  readonly told: { known: boolean; stolen: boolean };
}

t.test('the contract', { skip, timeout: 600_000 }, async (t) => {
  const { status, stderr } = asInit('contract', folder);
  t.equal(status, 0, stderr);
  const seen = JSON.parse(readFileSync(path.join(folder, 'result'), 'utf8')) as Contract;
  t.equal(seen.pid, 1);
  t.equal(seen.bare, 2, 'without a reaper orphans stay zombies');
  t.equal(seen.first, 0, 'those that were there before are taken, too');
  t.same(seen.exits, Array.from({ length: 256 }, (_, code) => code), 'every exit code');
  t.same([...new Set(seen.kills)], [128], 'every signal that ends a process is 128 and its number');
  t.ok(seen.kills.length >= 22, `${seen.kills.length} signals`);
  t.equal(seen.taken, 10_012, 'every orphan is taken once');
  t.equal(seen.left, 0, 'zombies');
  t.ok(seen.family.told > 2, `${seen.family.told} children of Node ended meanwhile`);
  t.equal(seen.family.wrong, 0, 'and each of their ends was told');
  t.same(seen.children, [[], []], 'no child is left, whichever way one looks');
  t.equal(seen.group, 0, 'nobody of a group outlives its kill');
  t.same(seen.forwarding, { heard: FORWARDED_SIGNALS, stop: 'SIGQUIT', calm: false, hurry: 'SIGTERM' });
  t.equal(seen.zombies, 0);
  t.same(seen.told, { known: true, stolen: false }, "a reaper that does not know Node's children takes them away");
});

t.test('no end without a coded last line', { skip }, async (t) => {
  const rejected = asInit('rejection', folder);
  t.equal(rejected.status, 1);
  t.match(rejected.stderr, /^KM_INTERNAL: nobody takes this[^]*remedy: /);
  const stuck = asInit('stuck', folder);
  t.equal(stuck.status, 1);
  t.match(stuck.stderr, /KM_INTERNAL: the agent waits for something that cannot come/);
});

t.test('children that cannot be listed now are looked for again, and the agent lives', async (t) => {
  let broken = true;
  let looks = 0;
  const reaper = await reapOrphans({ ...sys, readText: async (file, most) => {
    looks += 1;
    if (broken) throw Object.assign(new Error('ENFILE'), { code: 'ENFILE' });
    return sys.readText(file, most);
  } }, () => true);
  t.teardown(() => reaper.stop());
  await t.resolves(reaper.now());
  broken = false;
  const before = looks;
  process.emit('SIGCHLD', 'SIGCHLD');
  while (looks === before) await new Promise((resolve) => setTimeout(resolve, 5));
  t.pass('a later end of a child is heard of');
});

t.test('programs that were started are told to end with it, also when it is not PID 1', async (t) => {
  const own = temporaryFolder(t);
  t.equal(spawnSync(process.execPath, [worker, 'rejection', own], { env, timeout: 120_000 }).status, 1);
  const deadline = Date.now() + 60_000;
  while (readFileSync(path.join(own, 'child'), 'utf8') !== 'ended\n' && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  t.equal(readFileSync(path.join(own, 'child'), 'utf8'), 'ended\n');
});
