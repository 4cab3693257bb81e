// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { describeExit, exec, ExecError, exitStatus, startService } from '../../agent/exec.js';
import { sys } from '../../agent/sys.js';
import { temporaryFolder } from '../helpers/agentContext.js';

const node = process.execPath;

async function failing(...args: Parameters<typeof exec>): Promise<ExecError> {
  const error = await exec(...args).then(() => undefined, (thrown: unknown) => thrown);
  if (error instanceof ExecError) return error;
  throw new Error(`expected a failure, got ${String(error)}`);
}

/** Whether a process lives; a zombie does not. */
function lives(pid: number): boolean {
  return existsSync(`/proc/${pid}/stat`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

async function ended(pid: number): Promise<void> {
  while (lives(pid)) await sys.sleep(10);
}

t.test('output is returned, and each line is handed on', async (t) => {
  const lines: string[] = [];
  const result = await exec(node, ['-e', 'console.log("one\\ntwo"); process.stdout.write("no newline")'], { timeoutMs: 10_000, onLine: (line) => lines.push(line) });
  t.equal(result.stdout, 'one\ntwo\nno newline\n');
  t.same(lines, ['one', 'two', 'no newline']);
});

t.test('tools speak English, whatever the language of the machine: their words are recognised', async (t) => {
  for (const name of ['LANG', 'LC_MESSAGES', 'LC_ALL']) {
    const before = process.env[name];
    process.env[name] = 'de_DE.UTF-8';
    t.teardown(() => void (before === undefined ? delete process.env[name] : (process.env[name] = before)));
  }
  t.equal((await exec('sh', ['-c', 'echo "$LC_ALL $LC_MESSAGES"'], { timeoutMs: 10_000 })).stdout, 'C C\n');
});

t.test('no shell sees the arguments', async (t) => {
  const word = '$(touch /tmp/x); `id` && "a" \'b\' *';
  const { stdout } = await exec(node, ['-e', 'console.log(process.argv[1])', word], { timeoutMs: 10_000 });
  t.equal(stdout, `${word}\n`);
});

t.test('a failure tells the cause first, then a command to copy, then the last lines', async (t) => {
  const error = await failing(node, ['-e', 'for (let i = 0; i < 100; i++) console.error(`line ${i}`); process.exit(3)'], { timeoutMs: 10_000 });
  t.match(error.failure, { exit: { code: 3 }, timedOut: false, errno: undefined });
  t.match(error.message, /^exit 3: \S+ -e 'for /);
  t.equal(error.failure.tail.at(-1), 'line 99');
  t.equal(error.failure.tail.length, 40, 'bounded');
});

t.test('endless output without line ends stays bounded', async (t) => {
  const script = 'const s = "x".repeat(1 << 20); process.stderr.write(s + s, () => process.exit(1))';
  const { tail } = (await failing(node, ['-e', script], { timeoutMs: 10_000 })).failure;
  t.ok(tail.join('').length < 50_000);
});

t.test('where memory runs out, a tool and its children go before the agent', async (t) => {
  const own = readFileSync('/proc/self/oom_score_adj', 'utf8');
  await exec('sh', ['-c', 'until grep -qx 1000 /proc/$$/oom_score_adj; do :; done; cat /proc/self/oom_score_adj'], { timeoutMs: 10_000 }).then(({ stdout }) => t.equal(stdout, '1000\n'));
  t.equal(readFileSync('/proc/self/oom_score_adj', 'utf8'), own);
});

t.test('a program that is not there', async (t) => {
  t.match((await failing('/nowhere/tool', [], { timeoutMs: 1000 })).failure, { errno: 'ENOENT', reason: /could not be started \(ENOENT\)/ });
});

t.test('a program that is killed', async (t) => {
  const { failure } = await failing(node, ['-e', 'process.kill(process.pid, "SIGKILL")'], { timeoutMs: 10_000 });
  t.match(failure, { reason: 'killed by SIGKILL', exit: { signal: 'SIGKILL' } });
  t.equal(exitStatus(failure.exit), 137);
  t.equal(describeExit({ code: 2, signal: undefined }), 'exit 2');
});

/** Ignores SIGTERM, as does its child, which holds the pipes; prints the child's pid. */
const STUBBORN = 'trap "" TERM; sleep 1000 & echo $!; wait';

t.test('a time-out ends the whole process group, also what ignores SIGTERM', async (t) => {
  let grandchild = 0;
  const error = await failing('sh', ['-c', STUBBORN], { timeoutMs: 500, onLine: (line) => (grandchild = Number(line)) });
  t.match(error.failure, { timedOut: true, reason: /took longer than 0.5 s/ });
  t.not(grandchild, 0);
  await ended(grandchild);
  t.notOk(lives(grandchild));
});

t.test('an abort ends the tool', async (t) => {
  const stop = new AbortController();
  const error = await failing(node, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], { timeoutMs: 10_000, signal: stop.signal, onLine: () => stop.abort() });
  t.match(error.failure, { reason: 'killed by SIGTERM', timedOut: false });
});

t.test('a tool is not begun for long when the stop came before', async (t) => {
  const error = await failing(node, ['-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 10_000, signal: AbortSignal.abort() });
  t.equal(error.failure.timedOut, false);
});

t.test('a service runs beside, in its own group, and its descendants end with it', async (t) => {
  const pidFile = path.join(temporaryFolder(t), 'pid');
  const script = `
    const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    require('node:fs').writeFileSync(process.argv[1], String(child.pid));
    setTimeout(() => process.exit(7), 100);`;
  const service = await startService(node, ['-e', script, pidFile]);
  t.same(await service.exited, { code: 7, signal: undefined });
  const descendant = Number(readFileSync(pidFile, 'utf8'));
  await ended(descendant);
  t.notOk(lives(descendant));
  t.doesNotThrow(() => service.kill('SIGTERM'), 'a group that is gone is no error');
});

t.test('the end of a service is told, and its last lines, though a descendant that left its group holds its pipes', async (t) => {
  const pidFile = path.join(temporaryFolder(t), 'pid');
  const script = `
    const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit', detached: true });
    require('node:fs').writeFileSync(process.argv[1], String(child.pid));
    console.log('to its output');
    console.error('to its errors');
    process.exit(7);`;
  const service = await startService(node, ['-e', script, pidFile]);
  t.same(await service.exited, { code: 7, signal: undefined });
  const descendant = Number(readFileSync(pidFile, 'utf8'));
  t.ok(lives(descendant), 'it still holds them');
  process.kill(descendant, 'SIGKILL');
  t.same([...service.tail()].sort(), ['to its errors', 'to its output']);
});

t.test('a service that cannot be started', async (t) => {
  await t.rejects(startService('/nowhere/daemon', []), { message: /ENOENT/ });
});
