// SPDX-License-Identifier: Apache-2.0
// The restart policy with small real programs in the place of kmesh-daemon: what ends or hangs is started again, and all is told.
import { writeFileSync } from 'node:fs';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import t, { type Test } from 'tap';
import { serveStatus } from '../../agent/endpoints.js';
import type { SupervisionTimes } from '../../agent/supervisor/times.js';
import type { TestContext } from '../helpers/agentContext.js';
import type { Life } from '../helpers/fakeDaemon.js';
import { lives, stage, type Stage, until } from '../helpers/supervisionStage.js';

/** Long enough for a busy machine not to take a slow answer for none. */
const HANG: Partial<SupervisionTimes> = { hangMs: 2000, readyMs: 5000 };

const transitions = (ctx: TestContext): unknown[] => ctx.lines.flatMap((line) => line['transition'] ?? []);

/** Changes what the next process does. */
const next = ({ folder }: Stage, life: Life): void => writeFileSync(path.join(folder, 'life.json'), JSON.stringify(life));

const pidOf = ({ ctx }: Stage): number => ctx.board.daemon.pid ?? 0;

const readyAgain = ({ ctx }: Stage): Promise<void> => until(ctx, () => ctx.lines.some((line) => line.msg === 'kmesh-daemon is ready again'));

async function up(t: Test, life: Life, supervision: Partial<SupervisionTimes> = {}): Promise<{ all: Stage; end: () => Promise<void> }> {
  const all = await stage(t, life, { supervision });
  await all.phase.run(all.ctx);
  const held = all.phase.hold(all.ctx);
  // It may fail before anybody waits for it: that is told by end().
  held.catch(() => {});
  return {
    all,
    async end() {
      all.ctx.abort();
      await held;
    },
  };
}

/** Every transition is one line of the log and one count, no more and no less. */
function sameCounts(t: Test, { ctx }: Stage): void {
  const told = transitions(ctx);
  for (const [name, count] of Object.entries(ctx.board.daemon.transitions)) t.equal(told.filter((one) => one === name).length, count, `${name}: lines of the log and count`);
}

t.test('a daemon that a signal kills', async (t) => {
  const { all, end } = await up(t, {});
  process.kill(pidOf(all), 'SIGSEGV');
  await readyAgain(all);
  await end();
  t.same(transitions(all.ctx), ['starting', 'ready', 'crashed', 'backing-off', 'starting', 'ready', 'stopping', 'stopped']);
  t.match(all.ctx.board.daemon, { state: 'stopped', restarts: 1, restartsByCause: { signal: 1, exit: 0, hung: 0 }, lastEnd: { how: 'killed by SIGSEGV' } });
  sameCounts(t, all);
});

t.test('an exit 0 that nobody asked for is a failure as any other', async (t) => {
  const { all, end } = await up(t, {});
  // Not by the agent: the stub ends with 0 on SIGTERM.
  process.kill(pidOf(all), 'SIGTERM');
  await readyAgain(all);
  await end();
  t.match(all.ctx.board.daemon, { restartsByCause: { 'exit-0': 1 }, lastEnd: { how: 'exit 0' } });
  t.match(all.ctx.lines.find((line) => line['transition'] === 'crashed'), { msg: 'kmesh-daemon ended (exit 0), which nobody had asked for', cause: 'exit-0', failures: 1 });
});

t.test('a daemon that SIGSTOP halts hangs, and is started again', async (t) => {
  const { all, end } = await up(t, { says: 'a last line' }, HANG);
  const pid = pidOf(all);
  process.kill(pid, 'SIGSTOP');
  await readyAgain(all);
  t.notOk(lives(pid), 'the old one is gone');
  await end();
  t.same(transitions(all.ctx), ['starting', 'ready', 'hung', 'backing-off', 'starting', 'ready', 'stopping', 'stopped']);
  t.match(all.ctx.lines.find((line) => line['transition'] === 'hung'), { code: 'KM_DAEMON_HUNG', reason: 'it has not answered for 2s' });
  t.match(all.ctx.board.daemon, { restartsByCause: { hung: 1 }, lastEnd: { how: 'hung: it has not answered for 2s', tail: ['a last line'] } });
  sameCounts(t, all);
});

t.test('one that halts and ignores SIGTERM is killed after the grace', async (t) => {
  const { all, end } = await up(t, { stubborn: true }, HANG);
  const pid = pidOf(all);
  process.kill(pid, 'SIGSTOP');
  await until(all.ctx, () => all.ctx.board.daemon.state === 'hung');
  next(all, {});
  await readyAgain(all);
  t.notOk(lives(pid));
  t.ok(all.diary().some(([from, event]) => from === pid && event === 'SIGTERM'), 'it was told to end, and made to run to hear it');
  t.match(all.ctx.lines.map((line) => line.msg).join('\n'), /did not end within 300 ms after SIGTERM; it is killed/);
  await end();
});

t.test('a daemon that takes questions and answers none any more', async (t) => {
  const { all, end } = await up(t, { answers: 1 }, HANG);
  next(all, {});
  await readyAgain(all);
  await end();
  t.ok(all.events('silent').length > 2, 'it was asked more than once');
  t.match(all.ctx.board.daemon.restartsByCause, { hung: 1 });
});

t.test('a daemon that never answers is started again, also the first one', async (t) => {
  const all = await stage(t, { mute: true, says: 'stuck' }, { supervision: HANG });
  const started = all.phase.run(all.ctx);
  await until(all.ctx, () => all.ctx.board.daemon.state === 'hung');
  next(all, {});
  await started;
  t.same(transitions(all.ctx).slice(0, 4), ['starting', 'hung', 'backing-off', 'starting']);
  t.match(all.ctx.board.daemon, { state: 'ready', lastEnd: { how: 'hung: it has not answered for 5s since its start', tail: ['stuck'] } });
});

t.test('a daemon that was told everything and is not ready all the same', async (t) => {
  const all = await stage(t, { fails: 'map full' }, { supervision: HANG });
  const started = all.phase.run(all.ctx);
  await until(all.ctx, () => all.ctx.board.daemon.state === 'hung');
  next(all, {});
  await started;
  t.match(all.ctx.board.daemon, { state: 'ready', restartsByCause: { 'not-ready': 1 }, lastEnd: { how: 'not ready: it has not been ready for 5s: map full' } });
});

t.test('by --restart never one that hangs ends the agent with a code of its own', async (t) => {
  const all = await stage(t, { mute: true }, { restart: 'never', supervision: HANG });
  await t.rejects(all.phase.run(all.ctx), { code: 'KM_DAEMON_HUNG', exitCode: 15, detail: /has not answered for 5s since its start.* --restart is never/ });
});

t.test('a stop while a daemon that hangs is being ended', async (t) => {
  const { all, end } = await up(t, { stubborn: true, answers: 1 }, { ...HANG, graceMs: 60_000 });
  const pid = pidOf(all);
  await until(all.ctx, () => all.events('SIGTERM').length > 0);
  const ended = end();
  await until(all.ctx, () => all.events('SIGTERM').length > 1);
  all.ctx.abortAgain();
  await ended;
  t.notOk(lives(pid));
  t.equal(all.events('start').length, 1, 'and no other one is started');
});

t.test('a stop during the wait for a start', async (t) => {
  const { all, end } = await up(t, {}, { minDelayMs: 60_000 });
  process.kill(pidOf(all), 'SIGKILL');
  await until(all.ctx, () => all.ctx.board.daemon.state === 'backing-off');
  await end();
  t.equal(all.ctx.board.daemon.state, 'stopped');
  t.equal(all.events('start').length, 1);
  sameCounts(t, all);
});

t.test('a start that fails for a moment counts as a failure, and is tried again', async (t) => {
  const { all, end } = await up(t, {});
  const { startService } = all.ctx;
  let refusals = 2;
  const { ExecError } = await import('../../agent/exec.js');
  const refused = new ExecError({ reason: 'could not be started (EAGAIN)', command: 'node', exit: { code: undefined, signal: undefined }, errno: 'EAGAIN', timedOut: false, tail: [] });
  Object.assign(all.ctx, { startService: (...args: Parameters<typeof startService>) => (refusals-- > 0 ? Promise.reject(refused) : startService(...args)) });
  process.kill(pidOf(all), 'SIGKILL');
  await readyAgain(all);
  await end();
  t.match(all.ctx.board.daemon, { restarts: 1, restartsByCause: { 'not-started': 1, signal: 0 }, transitions: { crashed: 3, 'backing-off': 3 }, lastEnd: { how: 'could not be started (EAGAIN)' } });
});

t.test('a full disk does not keep a daemon from being started again', async (t) => {
  const { all, end } = await up(t, {});
  Object.assign(all.ctx.sys, { writeFileAtomically: () => Promise.reject(Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })) });
  process.kill(pidOf(all), 'SIGKILL');
  await readyAgain(all);
  t.match(all.ctx.lines.find((line) => /put on record/.test(line.msg)), { level: 40, msg: /ENOSPC/ });
  await end();
});

async function ask(port: unknown, url: string): Promise<{ status: number | undefined; body: string }> {
  const [response] = (await once(http.get({ port: Number(port), host: '127.0.0.1', path: url, agent: false }), 'response')) as [http.IncomingMessage];
  let body = '';
  for await (const part of response) body += String(part);
  return { status: response.statusCode, body };
}

t.test('a crash loop is told everywhere, lasts as long as it takes, and is over after a healthy time', async (t) => {
  const { all, end } = await up(t, {}, { ...HANG, crashLoop: 3, healthyMs: 1000 });
  t.teardown(await serveStatus(all.ctx, '1.2.3'));
  const { statusPort, metricsPort } = all.ctx.lines.find((line) => line['statusPort'] !== undefined)!;
  all.ctx.board.expect([{ name: 'supervise-daemon', summary: '' }]);
  all.ctx.board.phase('supervise-daemon', { state: 'done', ms: 1 });
  t.equal((await ask(statusPort, '/healthz/ready')).status, 200);

  next(all, { dies: 4, says: 'cannot <load> programs' });
  process.kill(pidOf(all), 'SIGKILL');
  await until(all.ctx, () => all.ctx.board.daemon.failuresInARow > 4);
  const ready = await ask(statusPort, '/healthz/ready');
  t.equal(ready.status, 503);
  t.match(JSON.parse(ready.body), { ready: false, code: 'KM_DAEMON_CRASH_LOOP', reason: /failed \d+ times in a row and was not well for 1s between; the last time: exit 4; its last lines: cannot <load> programs/ });
  const status = JSON.parse((await ask(statusPort, '/status')).body) as { ready: object; daemon: object };
  t.match(status, { ready: { code: 'KM_DAEMON_CRASH_LOOP' }, daemon: { crashLoop: { code: 'KM_DAEMON_CRASH_LOOP', remedy: /last lines/ }, lastEnd: { how: 'exit 4', tail: ['cannot <load> programs'] } } });
  t.match((await ask(statusPort, '/')).body, /not ready[^]*KM_DAEMON_CRASH_LOOP[^]*cannot &lt;load&gt; programs/);
  const metrics = (await ask(metricsPort, '/metrics')).body;
  for (const line of ['kmesh_agent_ready 0', 'kmesh_agent_daemon_crash_loop 1', 'kmesh_agent_daemon_transitions_total{transition="crash-loop-entered"} 1', 'kmesh_agent_daemon_restarts_total{cause="signal"} 1']) t.ok(metrics.split('\n').includes(line), line);
  t.match(all.ctx.lines.find((line) => line['transition'] === 'crash-loop-entered'), { level: 50, code: 'KM_DAEMON_CRASH_LOOP', failures: 3, tail: ['cannot <load> programs'] });

  next(all, {});
  await until(all.ctx, () => all.ctx.board.daemon.state === 'ready');
  t.match(await ask(statusPort, '/healthz/ready'), { status: 503, body: /KM_DAEMON_CRASH_LOOP/ }, 'a process that says it is ready is not believed at once');
  await until(all.ctx, () => all.ctx.lines.some((line) => line['transition'] === 'crash-loop-left'));
  t.equal((await ask(statusPort, '/healthz/ready')).status, 200);
  t.match(all.ctx.board.daemon, { crashLoop: undefined, failuresInARow: 0 });
  await end();
  sameCounts(t, all);
});
