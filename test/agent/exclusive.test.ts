// SPDX-License-Identifier: Apache-2.0
// Two agents on a node: by the same state folder, by the same pins or cgroup; who holds what is told, and ends with its process.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { cleanup } from '../../agent/commands/cleanup.js';
import { run } from '../../agent/commands/run.js';
import { flockHolder } from '../../common/procLocks.js';
import { sealed } from '../../agent/stateFiles.js';
import { claimNode, holdPlaces, leavePlaces } from '../../agent/supervisor/exclusive.js';
import { sys } from '../../agent/sys.js';
import { type TestContext, temporaryFolder, testContext } from '../helpers/agentContext.js';

type T = { teardown(work: () => unknown): void };

const nothing = { name: 'one', summary: '', plan: async () => [], run: async () => {} };

function worker(...words: string[]): ChildProcess & { stdout: NodeJS.ReadableStream } {
  const file = fileURLToPath(new URL('../helpers/lockWorker.ts', import.meta.url));
  return spawn(process.execPath, [...process.execArgv, file, ...words], { stdio: ['ignore', 'pipe', 'inherit'] }) as ChildProcess & { stdout: NodeJS.ReadableStream };
}

async function holder(t: T, file: string): Promise<ChildProcess> {
  const child = worker('hold', file);
  t.teardown(() => child.kill('SIGKILL'));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  if (String(said) !== 'held\n') throw new Error(String(said));
  return child;
}

/** An agent with folders of its own. */
function agent(t: T, options: Partial<TestContext['options']> = {}): TestContext {
  const ctx = testContext(temporaryFolder(t), { options });
  ctx.results.attachFolder = ctx.options.cgroup2Path;
  for (const folder of [ctx.options.bpfFsPath, ctx.options.cgroup2Path]) mkdirSync(folder, { recursive: true });
  return ctx;
}

t.test('a second agent is told of the first one before it asks for its ports, and starts when that one is gone', async (t) => {
  const first = agent(t);
  let second: unknown;
  let port = 0;
  const serveHttp: typeof sys.serveHttp = async (serving) => {
    const server = await sys.serveHttp(serving);
    port ||= server.port;
    return server;
  };
  const hold = async (): Promise<void> => {
    const late = testContext(temporaryFolder(t), { options: { ...first.options, statusPort: port } });
    second = await run(late, [nothing]).catch((error: unknown) => error);
    t.match(await cleanup(late).catch((error: unknown) => error), { code: 'KM_AGENT_RUNNING' }, 'nor is anything removed under it');
    first.abort();
  };
  t.equal(await run({ ...first, sys: { ...sys, serveHttp } }, [{ ...nothing, hold }]), 0);
  t.match(second, { code: 'KM_AGENT_RUNNING', exitCode: 18, detail: new RegExp(`^the agent with pid ${process.pid}, which has run for \\d+ (s|min|h), uses ${first.options.stateDir}$`), remedy: /SIGTERM/ });
  const later = testContext(temporaryFolder(t), { options: { ...first.options, until: 'one' } });
  t.equal(await run(later, [nothing]), 0);
  t.same(readdirSync(first.options.stateDir), ['agent.lock'], 'nobody is on record any more');
  t.equal(await cleanup(later), 0);
  t.notOk(existsSync(first.options.stateDir), 'and cleanup takes the rest');
});

t.test('an agent of another pid namespace is known by its lock alone', async (t) => {
  const ctx = agent(t);
  mkdirSync(ctx.options.stateDir, { mode: 0o700 });
  const other = await holder(t, path.join(ctx.options.stateDir, 'agent.lock'));
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  writeFileSync(path.join(ctx.options.stateDir, 'processes.json'), sealed({ bootId, namespace: 'pid:[1]', agent: { pid: 1, startTime: '100' } }));
  await t.rejects(claimNode(ctx), { code: 'KM_AGENT_RUNNING', detail: /^the agent with pid 1 of another pid namespace, which has run for \d+ (s|min|h), uses / });
  writeFileSync(path.join(ctx.options.stateDir, 'processes.json'), 'garbage');
  await t.rejects(claimNode(ctx), { code: 'KM_AGENT_RUNNING', detail: /^another agent uses / });
  other.kill('SIGKILL');
  await once(other, 'exit');
  await (await claimNode(ctx))();
});

t.test('the same pins or the same cgroup, with another state folder', async (t) => {
  for (const place of ['bpfFsPath', 'cgroup2Path'] as const) {
    const first = agent(t);
    await holdPlaces(first);
    const second = agent(t, { [place]: first.options[place] });
    const refused = { code: 'KM_AGENT_RUNNING', detail: new RegExp(`^the agent with pid ${process.pid}, .* uses ${first.options[place]}, with another state folder$`) };
    await t.rejects(claimNode(second), refused, place);
    second.results.attachFolder = second.options.cgroup2Path;
    await t.rejects(holdPlaces(second), refused, `${place}, when it is mounted`);
    leavePlaces(second);
    t.same(readdirSync(first.options[place]), [], 'nothing is written there');
    leavePlaces(first);
    const leave = await claimNode(second);
    await holdPlaces(second);
    await leave();
    await holdPlaces(first);
    leavePlaces(first);
  }
});

t.test('where there are no locks, the agent says so and goes by the record', async (t) => {
  const noLocks = Object.assign(new Error('errno 37'), { code: 'ENOLCK' });
  const ctx = agent(t);
  const without: TestContext = { ...ctx, sys: { ...sys, tryLock: () => Promise.reject(noLocks) } };
  const leave = await claimNode(without);
  await holdPlaces(without);
  t.ok(ctx.lines.filter((line) => line.level === 40 && /would not be noticed/.test(line.msg)).length >= 3);
  await t.rejects(claimNode({ ...without, sys: { ...without.sys, pid: process.ppid } }), { code: 'KM_AGENT_RUNNING', detail: /which has run for/ });
  await leave();
});

t.test('a lock on a file that was removed keeps nobody out, so nobody is given one', async (t) => {
  const file = path.join(temporaryFolder(t), 'lock');
  const racers = [worker('race', file, '2000'), worker('race', file, '2000')];
  t.same(await Promise.all(racers.map(async (one) => JSON.parse(await text(one.stdout)) as unknown)), [{ taken: 2000, together: 0 }, { taken: 2000, together: 0 }]);
});

t.test('a state folder that others may write is refused', async (t) => {
  const ctx = agent(t);
  mkdirSync(ctx.options.stateDir);
  for (const mode of [0o777, 0o1777, 0o770, 0o702]) {
    chmodSync(ctx.options.stateDir, mode);
    await t.rejects(claimNode(ctx), { code: 'KM_STATE_OPEN', exitCode: 18, detail: new RegExp(`mode ${mode.toString(8)}`) }, mode.toString(8));
  }
  await t.rejects(claimNode({ ...ctx, sys: { ...sys, stat: async (file) => ({ ...(await sys.stat(file))!, mode: 0o700, owner: 1000 }) } }), { code: 'KM_STATE_OPEN', detail: /belongs to user id 1000/ });
  chmodSync(ctx.options.stateDir, 0o755);
  await (await claimNode(ctx))();
  rmSync(ctx.options.stateDir, { recursive: true });
});

t.test('who holds a lock, by /proc/locks', async (t) => {
  const locks = '1: POSIX  ADVISORY  WRITE 11 00:1f:42 0 EOF\n2: FLOCK  ADVISORY  READ 12 00:1f:42 0 EOF\n3: FLOCK  ADVISORY  WRITE 13 fd:01:42 0 EOF\n3: -> FLOCK  ADVISORY  WRITE 14 00:1f:42 0 EOF\n4: FLOCK  ADVISORY  WRITE 15 00:1f:42 0 EOF\n5: FLOCK  ADVISORY  WRITE 0 00:20:42 0 EOF\n';
  t.equal(flockHolder(locks, 0x1fn, 42n), 15);
  t.equal(flockHolder(locks, 0xfd01n, 42n), 13);
  t.equal(flockHolder(locks, 0x20n, 42n), undefined, 'a process that is not shown here');
  t.equal(flockHolder(locks, 0x1fn, 43n), undefined);
  t.equal(flockHolder('\0garbage', 0x1fn, 42n), undefined);
});
