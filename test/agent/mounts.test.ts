// SPDX-License-Identifier: Apache-2.0
// Real mounts, in a mount namespace of the test's own.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { cleanup } from '../../agent/commands/cleanup.js';
import { mountFilesystems } from '../../agent/phases/mountFilesystems.js';
import { mountsOfType, parseMountinfo } from '../../agent/probe/mountinfo.js';
import { errno, temporaryFolder, testContext } from '../helpers/agentContext.js';
import { mountTable } from '../helpers/mountTable.js';
import { enterSandbox, makeCgroup, run } from '../helpers/sandbox.js';

await enterSandbox(import.meta.url);

const typeAt = (folder: string): string | undefined => parseMountinfo(mountTable()).findLast((mount) => mount.mountPoint === folder)?.fsType;
const undo = mountFilesystems.undo ?? (() => Promise.reject(new Error('no undo')));

t.test('mounts both, finds them again, and undo leaves the machine as it was', async (t) => {
  const folder = temporaryFolder(t);
  const before = mountTable();
  const ctx = testContext(folder);
  await mountFilesystems.run(ctx);
  t.equal(typeAt(ctx.options.cgroup2Path), 'cgroup2');
  t.equal(typeAt(ctx.options.bpfFsPath), 'bpf');
  t.notOk(existsSync(path.join(ctx.options.cgroup2Path, 'cgroup.type')), 'the root of the hierarchy');
  t.equal(ctx.results.attachFolder, ctx.options.cgroup2Path);
  const mounted = mountTable();

  const again = testContext(folder);
  await mountFilesystems.run(again);
  t.equal(mountTable(), mounted, 'a second run mounts nothing');
  await undo(again, 'run');
  t.equal(mountTable(), mounted, 'and a failed second start takes nothing of the first one away');

  await undo(ctx, 'run');
  t.equal(mountTable(), before);
  t.same(readdirSync(folder), ['state']);
  t.same(readdirSync(ctx.options.stateDir), [], 'no record is left');
});

t.test('after a crash cleanup knows what is ours, and is idempotent', async (t) => {
  const folder = temporaryFolder(t);
  const before = mountTable();
  await mountFilesystems.run(testContext(folder));
  const later = testContext(folder);
  t.equal(await cleanup(later), 0);
  t.equal(mountTable(), before);
  t.same(readdirSync(folder), [], 'the state folder goes too');
  t.equal(await cleanup(later), 0);
  t.match(later.lines.at(-1)?.msg, 'there was nothing to remove');
});

t.test('a folder and a mount that were there before stay', async (t) => {
  const folder = temporaryFolder(t);
  const ctx = testContext(folder);
  mkdirSync(ctx.options.cgroup2Path);
  mkdirSync(ctx.options.bpfFsPath);
  run('mount', ['-t', 'bpf', 'bpf', ctx.options.bpfFsPath]);
  t.teardown(() => run('umount', [ctx.options.bpfFsPath]));
  await mountFilesystems.run(ctx);
  await undo(ctx, 'all');
  t.equal(typeAt(ctx.options.bpfFsPath), 'bpf');
  t.ok(existsSync(ctx.options.cgroup2Path));
});

t.test('a mount that took the place of ours is not unmounted', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  await mountFilesystems.run(ctx);
  const { bpfFsPath } = ctx.options;
  run('umount', [bpfFsPath]);
  run('mount', ['-t', 'bpf', 'bpf', bpfFsPath]);
  t.teardown(() => run('umount', [bpfFsPath]));
  await undo(ctx, 'all');
  t.equal(typeAt(bpfFsPath), 'bpf');
});

t.test('bpffs is mounted over the bare folder of the kernel that a node without it hands to a container', async (t) => {
  const folder = temporaryFolder(t);
  const ctx = testContext(folder);
  const [sysfs, place] = [path.join(folder, 'sysfs'), ctx.options.bpfFsPath];
  for (const one of [sysfs, place]) mkdirSync(one);
  run('mount', ['-t', 'sysfs', 'sysfs', sysfs]);
  t.teardown(() => run('umount', [sysfs]));
  run('mount', ['--bind', path.join(sysfs, 'fs/bpf'), place]);
  t.teardown(() => run('umount', [place]));
  t.match(await mountFilesystems.plan(ctx), [/would mount cgroup2/, /would mount bpf at /], 'as the plan says');
  await mountFilesystems.run(ctx);
  t.equal(typeAt(place), 'bpf');
  await undo(ctx, 'all');
  t.equal(typeAt(place), 'sysfs');
});

t.test('the plan says of each place what a start finds wrong with it', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  mkdirSync(ctx.options.cgroup2Path);
  writeFileSync(path.join(ctx.options.cgroup2Path, 'precious'), '');
  writeFileSync(ctx.options.bpfFsPath, '');
  t.match(await mountFilesystems.plan(ctx), [/^would fail: KM_MOUNT_POINT.*holds files/, /^would fail: KM_MOUNT_POINT.*is not a directory/]);
});

t.test('another folder of sysfs is foreign', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  const place = ctx.options.bpfFsPath;
  mkdirSync(place);
  run('mount', ['--bind', '/sys/fs/cgroup/..', place]);
  t.teardown(() => run('umount', [place]));
  await t.rejects(mountFilesystems.run(ctx), { code: 'KM_MOUNT_FOREIGN' });
  await undo(ctx, 'run');
});

t.test('a place that cannot be used is a coded error, and the way back is clean', async (t) => {
  const cases: readonly (readonly [string, string, (place: string) => void])[] = [
    ['a foreign file system', 'KM_MOUNT_FOREIGN', (place) => (mkdirSync(place), void run('mount', ['-t', 'tmpfs', 'foreign', place]))],
    ['files that would be hidden', 'KM_MOUNT_POINT', (place) => (mkdirSync(place), writeFileSync(path.join(place, 'precious'), ''))],
    ['a file', 'KM_MOUNT_POINT', (place) => writeFileSync(place, '')],
  ];
  for (const option of ['cgroup2Path', 'bpfFsPath'] as const) {
    for (const [name, code, occupy] of cases) {
      const ctx = testContext(temporaryFolder(t));
      occupy(ctx.options[option]);
      const before = mountTable();
      await t.rejects(mountFilesystems.run(ctx), { code, exitCode: 14, detail: new RegExp(ctx.options[option]) }, `${name} at ${option}`);
      await undo(ctx, 'run');
      t.equal(mountTable(), before);
      if (code === 'KM_MOUNT_FOREIGN') run('umount', [ctx.options[option]]);
    }
  }
});

t.test('a mount in use is reported, stays on record, and goes when it is free', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  const before = mountTable();
  await mountFilesystems.run(ctx);
  const holder = spawn('sh', ['-c', 'echo in; read end'], { cwd: ctx.options.bpfFsPath, stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  await t.rejects(undo(ctx, 'all'), { code: 'KM_UNMOUNT_FAILED', tail: [/busy/] });
  t.notOk(existsSync(ctx.options.cgroup2Path), 'the other one is gone all the same');
  const ended = new Promise((resolve) => holder.once('close', resolve));
  holder.stdin.end('\n');
  await ended;
  await undo(ctx, 'all');
  t.equal(mountTable(), before);
});

t.test('--attach-cgroup names a cgroup that is there, below the root', async (t) => {
  const name = path.basename(makeCgroup());
  const good = testContext(temporaryFolder(t), { options: { attachCgroup: `/${name}/` } });
  await mountFilesystems.run(good);
  t.equal(good.results.attachFolder, path.join(good.options.cgroup2Path, name));
  await undo(good, 'run');
  for (const attachCgroup of ['no-such-cgroup', '..', `${name}/../..`, '', '.']) {
    const ctx = testContext(temporaryFolder(t), { options: { attachCgroup } });
    await t.rejects(mountFilesystems.run(ctx), { code: 'KM_ATTACH_CGROUP', detail: /kmesh-agent-/ }, JSON.stringify(attachCgroup));
    await undo(ctx, 'run');
  }
});

t.test('a kernel without the file system', async (t) => {
  const sys = testContext(temporaryFolder(t)).sys;
  const readText: typeof sys.readText = async (file, max) => (file === '/proc/filesystems' ? 'nodev\tproc\n\text4\n' : sys.readText(file, max));
  await t.rejects(mountFilesystems.run(testContext(temporaryFolder(t), { sys: { readText } })), { code: 'KM_FILESYSTEM_UNSUPPORTED', detail: /cgroup2/ });
});

t.test('a folder that cannot be made', async (t) => {
  const makeFolders = (): Promise<never> => Promise.reject(errno('EROFS'));
  await t.rejects(mountFilesystems.run(testContext(temporaryFolder(t), { sys: { makeFolders } })), { code: 'KM_MOUNT_POINT', detail: /EROFS/ });
});

/** Runs the worker in a cgroup namespace whose root is not the hierarchy's. */
async function inPrivateNamespace(folder: string, prepare: string, ...args: string[]): Promise<{ code: string; said: string[] }> {
  const worker = fileURLToPath(new URL('../helpers/mountWorker.ts', import.meta.url));
  const script = `echo $$ > "$0/cgroup.procs" && exec unshare --cgroup --mount --propagation private sh -c '${prepare} exec "$@"' sh "$@"`;
  const child = spawn('sh', ['-c', script, makeCgroup(), process.execPath, ...process.execArgv, worker, folder, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  return JSON.parse(await text(child.stdout)) as { code: string; said: string[] };
}

const cgroup2Mounts = mountsOfType(parseMountinfo(mountTable()), 'cgroup2').map((mount) => mount.mountPoint);
const HIDE = `umount ${cgroup2Mounts.join(' ')};`;

t.test('in a private cgroup namespace', async (t) => {
  t.same(
    await inPrivateNamespace(temporaryFolder(t), HIDE),
    { code: 'KM_CGROUP2_NOT_ROOT', said: [] },
    'a part of the hierarchy is refused: nothing outside of it would be steered',
  );
  const bound = await inPrivateNamespace(temporaryFolder(t), '');
  t.match(bound, { code: 'none', said: [/^cgroup2 bound from /, /bpffs/] }, "the host's mount is bound where it can be seen");
  const entered = await inPrivateNamespace(temporaryFolder(t), HIDE, String(process.pid));
  t.match(entered, { code: 'none', said: [/^cgroup2 mounted from the host's cgroup namespace/, /bpffs/] }, "else the host's namespace is entered");
});
