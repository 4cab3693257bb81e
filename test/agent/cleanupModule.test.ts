// SPDX-License-Identifier: Apache-2.0
// What `cleanup` does about kmesh.ko, and what is said to hold it when it cannot go.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { cleanup } from '../../agent/commands/cleanup.js';
import { whatHolds } from '../../agent/module/holders.js';
import { sys } from '../../agent/sys.js';
import { errno, temporaryFolder, testContext, type TestContext } from '../helpers/agentContext.js';
import { installFakeDaemon, readDiary } from '../helpers/fakeDaemon.js';
import { FakeKernel, type FakeKernelOptions } from '../helpers/fakeModules.js';
import { exec } from '../../agent/exec.js';

interface Stage {
  readonly kernel: FakeKernel;
  readonly ctx: TestContext;
  readonly pins: string;
}

/** A node with pins of a daemon, as an agent that was killed leaves it. */
function stage(t: { teardown(work: () => unknown): void }, options: FakeKernelOptions): Stage {
  const folder = temporaryFolder(t);
  installFakeDaemon(folder, {});
  const kernel = new FakeKernel(options);
  const run: TestContext['exec'] = async (file, args, how) => {
    if (file !== process.execPath) return kernel.exec(file, args, how);
    kernel.events.push('daemon --cleanup');
    return exec(file, args, how);
  };
  const ctx = testContext(folder, { root: folder, sys: kernel.sys, exec: run });
  const pins = path.join(ctx.options.bpfFsPath, 'bpf_kmesh');
  mkdirSync(path.join(pins, 'links'), { recursive: true });
  writeFileSync(path.join(pins, 'links/request'), '');
  return { kernel, ctx, pins };
}

const told = (ctx: TestContext): unknown => ctx.lines.at(-1)?.['removed'];

t.test('takeovers end first, programs go when nothing is held back any more, the module last', async (t) => {
  const { kernel, ctx, pins } = stage(t, { loaded: { abi: 1, accepting: true, deferred: 2 }, drainMs: 30 });
  t.equal(await cleanup(ctx), 0);
  const steps = kernel.events.filter((event) => !event.startsWith('unlink'));
  t.same(steps, ['accepting=0', 'daemon --cleanup', 'accepting=0', 'rmmod kmesh']);
  t.match(told(ctx), ['pinned programs and maps', 'module kmesh']);
  t.ok(kernel.now >= 60);
  t.notOk(existsSync(pins));
  t.equal(readDiary(ctx.root).filter(([, event]) => event === 'cleanup').length, 1);
  t.equal(await cleanup(ctx), 0);
  t.same(told(ctx), [], 'called again it finds nothing to do');
});

t.test('a module that is not ours is left alone, and the rest goes', async (t) => {
  const { kernel, ctx } = stage(t, { loaded: { buildId: 'aa', accepting: true } });
  t.equal(await cleanup(ctx), 0);
  t.same(told(ctx), ['pinned programs and maps']);
  t.ok(kernel.loaded);
  t.match(ctx.lines.map(({ msg }) => msg).join('\n'), /module kmesh is not of this project/);
});

t.test('a module that cannot go shows in the exit code, and the rest goes all the same', async (t) => {
  const { ctx, pins } = stage(t, { loaded: { abi: 1, references: 1 }, rmmodSays: Array<string>(1000).fill('Module kmesh is in use') });
  t.equal(await cleanup(ctx), 13);
  t.notOk(existsSync(pins));
  t.match(ctx.lines.find((line) => line['error'] !== undefined)?.['error'], { code: 'KM_MODULE_IN_USE', detail: 'kmesh is in use: references: 1', tail: [/in use/] });
});

t.test('everything that holds the module is named', async (t) => {
  const { kernel, ctx, pins } = stage(t, { loaded: { abi: 1, references: 3, deferred: 1, armed: 2 } });
  const table: Record<string, readonly string[]> = { [path.join(pins, 'links')]: ['connect4', 'request', 'request_next2'], '/proc': ['1', '77', '88', '99', 'self', 'net'], '/proc/1/fd': ['0'], '/proc/77/fd': ['3', '4'], '/proc/88/fd': ['5'] };
  const links: Record<string, string> = { '/proc/1/fd/0': '/dev/null', '/proc/77/fd/3': 'anon_inode:bpf_link', '/proc/77/fd/4': 'anon_inode:bpf-link', '/proc/88/fd/5': 'anon_inode:bpf-link' };
  const texts: Record<string, string> = {
    '/proc/77/fdinfo/3': 'pos:\t0\nlink_type:\tcgroup\n',
    '/proc/77/fdinfo/4': 'link_type:\traw_tracepoint\nlink_id:\t9\ntp_name:\tkmesh_request\n',
    '/proc/77/comm': 'bpftrace\n',
    '/proc/88/fdinfo/5': 'link_type:\traw_tracepoint\ntp_name:\tkmesh_request_other\n',
  };
  Object.assign(ctx.sys, {
    list: async (folder: string) => table[folder] ?? Promise.reject(errno(folder.startsWith('/proc/99') ? 'ESRCH' : 'ENOENT')),
    readLink: async (file: string) => links[file] ?? Promise.reject(errno('ENOENT')),
    readText: async (file: string, maxBytes: number) => texts[file] ?? kernel.sys.readText!(file, maxBytes),
  });
  const all = await whatHolds(ctx);
  t.equal(all, `references: 3; connections held back: 1; sockets taken over that have not connected yet: 2; the link pinned at ${path.join(pins, 'links/request')}; the link pinned at ${path.join(pins, 'links/request_next2')}; links to its tracepoint held open by pid 77 (bpftrace)`);
});

t.test('when nothing is to be seen that is said, too', async (t) => {
  const { ctx } = stage(t, {});
  await sys.removeTree(ctx.options.bpfFsPath);
  t.equal(await whatHolds(ctx), 'nothing that can be seen from here');
});
