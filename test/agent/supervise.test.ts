// SPDX-License-Identifier: Apache-2.0
// The phase supervise-daemon with small real programs in the place of kmesh-daemon.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { ExecError } from '../../agent/exec.js';
import { adminPort } from '../../agent/supervisor/command.js';
import { endLeftover, recordProcesses } from '../../agent/supervisor/processes.js';
import { sealed } from '../../agent/stateFiles.js';
import { temporaryFolder, testContext } from '../helpers/agentContext.js';
import { FakeKernel } from '../helpers/fakeModules.js';
import { type Life, readDiary } from '../helpers/fakeDaemon.js';
import { lives, stage, type Stage, until } from '../helpers/supervisionStage.js';

t.test('waits until the daemon is ready, telling each reason once', async (t) => {
  const { ctx, phase, events } = await stage(t, { reasons: ['no route', 'no route', 'no answer'] });
  await phase.run(ctx);
  t.match(
    ctx.lines.filter((line) => line['waitingFor'] !== undefined).map((line) => line.msg),
    [/KM_XDS_UNREACHABLE: no route/, /KM_XDS_UNREACHABLE: no answer/],
  );
  const [[, , born] = []] = events('start');
  t.equal(born?.gid, process.geteuid?.() === 0 ? 0 : process.getgid?.(), "the agent's own real group id is not for its children");
  const port = ctx.options.daemonArgs.at(-1);
  t.same(born?.args, [
    ...['--mode', 'ads', '--objects', ctx.results.build?.objects, '--cgroup', ctx.results.attachFolder, '--manage', 'all', '--bpf-fs-path', ctx.options.bpfFsPath],
    ...['--log-level', 'trace', '--log-format', 'json', '--xds-plaintext', '--admin-port', port],
  ]);
});

t.test('a stop is passed on, and waited for', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { ctx, phase, diary } = await stage(t, {});
    await phase.run(ctx);
    const held = phase.hold(ctx);
    ctx.abort(signal);
    await held;
    const [[pid = 0] = []] = diary();
    t.notOk(lives(pid));
    t.same(diary().map(([, event]) => event), ['start', signal]);
  }
});

t.test('SIGHUP ends the daemon as SIGTERM does', async (t) => {
  const { ctx, phase, events } = await stage(t, {});
  await phase.run(ctx);
  ctx.abort('SIGHUP');
  await phase.hold(ctx);
  t.equal(events('SIGTERM').length, 1);
});

t.test('a daemon that ignores the signal is killed after the grace', async (t) => {
  const { ctx, phase, diary } = await stage(t, { stubborn: true });
  await phase.run(ctx);
  ctx.abort();
  await phase.hold(ctx);
  const [[pid = 0] = []] = diary();
  t.notOk(lives(pid));
  t.match(ctx.lines.map((line) => line.msg).join('\n'), /did not end within 300 ms after SIGTERM; it is killed[^]*killed by SIGKILL/);
});

t.test('a second signal kills a daemon that takes its time', async (t) => {
  const { ctx, phase } = await stage(t, { stubborn: true }, { supervision: { graceMs: 60_000 } });
  await phase.run(ctx);
  ctx.abort();
  const held = phase.hold(ctx);
  await until(ctx, () => readDiary(ctx.root).some(([, event]) => event === 'SIGTERM'));
  ctx.abortAgain('SIGINT');
  await held;
  t.match(ctx.lines.map((line) => line.msg).join('\n'), /told to stop again \(SIGINT\): kmesh-daemon is killed[^]*killed by SIGKILL/);
  await phase.undo(ctx, 'run');
});

t.test('a daemon that was stopped by SIGSTOP still takes the signal to end', async (t) => {
  const { ctx, phase, diary } = await stage(t, {}, { supervision: { graceMs: 60_000 } });
  await phase.run(ctx);
  const [[pid = 0] = []] = diary();
  process.kill(pid, 'SIGSTOP');
  ctx.abort();
  await phase.hold(ctx);
  t.same(diary().map(([, event]) => event), ['start', 'SIGTERM']);
});

t.test('signals that are not for the agent reach the daemon while it runs', async (t) => {
  const { ctx, phase } = await stage(t, {});
  t.notOk(ctx.relay.send('SIGUSR2'), 'nobody takes it before');
  await phase.run(ctx);
  const held = phase.hold(ctx);
  t.ok(ctx.relay.send('SIGUSR2'));
  await until(ctx, () => ctx.lines.some((line) => line.msg === 'kmesh-daemon is ready again'));
  t.match(ctx.lines.map((line) => line.msg).join('\n'), /kmesh-daemon ended \(killed by SIGUSR2\)/);
  ctx.abort();
  await held;
  t.notOk(ctx.relay.send('SIGUSR2'), 'nor after');
});

t.test('a daemon that cannot be started', async (t) => {
  for (const [errno, exitCode] of [['ENOENT', 127], ['EACCES', 126], ['EAGAIN', 126]] as const) {
    const { ctx, phase } = await stage(t, {});
    const refused = new ExecError({ reason: `could not be started (${errno})`, command: 'node daemon.js', exit: { code: undefined, signal: undefined }, errno, timedOut: false, tail: [] });
    Object.assign(ctx, { startService: () => Promise.reject(refused) });
    await t.rejects(phase.run(ctx), { code: 'KM_DAEMON_START', exitCode, detail: new RegExp(errno) });
  }
});

const ends: readonly (readonly [string, Life, number, RegExp])[] = [
  ['an exit code is passed on', { dies: 7, says: 'cannot load programs' }, 7, /exit 7/],
  ['an early exit 0 is a failure too', { dies: 0 }, 15, /exit 0/],
  ['a signal becomes 128 and its number', { dies: 'SIGKILL' }, 137, /killed by SIGKILL/],
];

t.test('a daemon that ends before it was ready ends the start', async (t) => {
  for (const [name, life, exitCode, detail] of ends) {
    const { ctx, phase, events } = await stage(t, life);
    await t.rejects(phase.run(ctx), { code: 'KM_DAEMON_EXITED', exitCode, detail, tail: life.says === undefined ? [] : [life.says] }, name);
    t.equal(events('start').length, 1, 'and is not started again');
  }
});

t.test('a daemon that dies later is started again, and steering is never undone meanwhile', async (t) => {
  const { ctx, phase, events } = await stage(t, {});
  await phase.run(ctx);
  const held = phase.hold(ctx);
  const [[pid = 0] = []] = events('start');
  process.kill(pid, 'SIGKILL');
  await until(ctx, () => ctx.lines.some((line) => line.msg === 'kmesh-daemon is ready again'));
  t.equal(events('start').length, 2);
  t.equal(events('cleanup').length, 0);
  ctx.abort();
  await held;
});

t.test('--restart never ends the agent with the code of the daemon', async (t) => {
  const { ctx, phase, events } = await stage(t, {}, { restart: 'never' });
  await phase.run(ctx);
  const held = phase.hold(ctx);
  const [[pid = 0] = []] = events('start');
  process.kill(pid, 'SIGKILL');
  await t.rejects(held, { code: 'KM_DAEMON_EXITED', exitCode: 137, detail: /--restart is never/ });
});

t.test('a daemon that keeps dying is given up', async (t) => {
  const { ctx, folder, phase, events } = await stage(t, {}, { supervision: { restartLimit: 3 } });
  await phase.run(ctx);
  const held = phase.hold(ctx);
  writeFileSync(path.join(folder, 'life.json'), JSON.stringify({ dies: 4, says: 'again' } satisfies Life));
  const [[pid = 0] = []] = events('start');
  process.kill(pid, 'SIGKILL');
  await t.rejects(held, { code: 'KM_DAEMON_EXITED', exitCode: 4, detail: /3 times in a row/, tail: ['again'] });
  t.equal(events('start').length, 3);
});

t.test('a healthy time forgives earlier deaths', async (t) => {
  const { ctx, phase, events } = await stage(t, {}, { supervision: { healthyMs: 0, restartLimit: 2 } });
  await phase.run(ctx);
  const held = phase.hold(ctx);
  for (let death = 1; death <= 3; death += 1) {
    const pid = events('start').at(-1)?.[0] ?? 0;
    process.kill(pid, 'SIGKILL');
    await until(ctx, () => ctx.lines.filter((line) => line.msg === 'kmesh-daemon is ready again').length === death);
  }
  ctx.abort();
  await held;
  t.equal(events('start').length, 4);
});

t.test('something else on the port is not taken for the daemon', async (t) => {
  const { ctx, phase, diary } = await stage(t, {});
  const other = http.createServer((_, response) => response.end('hello')).listen(adminPort(ctx.options.daemonArgs), '127.0.0.1');
  t.teardown(() => other.close());
  await new Promise((resolve) => other.once('listening', resolve));
  await t.rejects(phase.run(ctx), { code: 'KM_DAEMON_PORT', exitCode: 15 });
  t.same(diary(), []);
});

t.test('an install folder without daemon', async (t) => {
  const { ctx, folder, phase } = await stage(t, {});
  rmSync(path.join(folder, 'daemon.js'));
  await t.rejects(phase.run(ctx), { code: 'KM_DAEMON_MISSING', exitCode: 127 });
});

t.test('a stop before the daemon is ready', async (t) => {
  const { ctx, phase, diary } = await stage(t, { reasons: Array.from({ length: 1000 }, () => 'waiting') });
  const started = phase.run(ctx);
  await until(ctx, () => ctx.lines.some((line) => line['waitingFor'] !== undefined));
  ctx.abort();
  await t.rejects(started, { message: /stopped by SIGTERM/ });
  await phase.undo(ctx, 'run');
  t.same(diary().map(([, event]) => event), ['start', 'SIGTERM']);
});

t.test('pins', async (t) => {
  const pinned = async (life: Life, before: boolean): Promise<Stage & { pins: string }> => {
    const all = await stage(t, life);
    const pins = path.join(all.ctx.options.bpfFsPath, 'bpf_kmesh');
    if (before) mkdirSync(pins, { recursive: true });
    await all.phase.run(all.ctx);
    mkdirSync(pins, { recursive: true });
    return { ...all, pins };
  };
  const own = await pinned({}, false);
  await own.phase.undo(own.ctx, 'run');
  t.notOk(existsSync(own.pins), 'of a start that failed go');
  const adopted = await pinned({}, true);
  await adopted.phase.undo(adopted.ctx, 'run');
  t.ok(existsSync(adopted.pins), 'of an earlier run stay when a start fails: they steer');
  await adopted.phase.undo(adopted.ctx, 'all');
  t.notOk(existsSync(adopted.pins), 'go with everything else when the node leaves the mesh');
  const stuck = await pinned({ cleanupFails: true }, false);
  await t.rejects(stuck.phase.undo(stuck.ctx, 'all'), { code: 'KM_DAEMON_CLEANUP', tail: ['pins are stuck'] });
  rmSync(stuck.pins, { recursive: true });
});

t.test('whether requests are routed and pods told apart is what the daemon says', async (t) => {
  const cases: readonly (readonly [Pick<Life, 'l7' | 'pods'>, { answer: string; evidence: string } | undefined])[] = [
    [{ l7: { state: 'on', reason: 'requests are routed' } }, { answer: 'yes', evidence: 'requests are routed' }],
    [{ l7: { state: 'off', reason: 'no tracepoint' } }, { answer: 'no', evidence: 'no tracepoint' }],
    [{ l7: { state: 'maybe', reason: 'x' } }, undefined],
    [{}, undefined],
  ];
  for (const [life, expected] of cases) {
    const { ctx, phase } = await stage(t, { ...life, ...(life.l7 === undefined ? {} : { pods: life.l7 }) });
    await phase.run(ctx);
    t.same(ctx.results.requestPrograms, expected);
    t.same(ctx.results.podPrograms, expected);
  }
});

t.test('connections that kmesh.ko holds back go on while the pinned programs can still say where', async (t) => {
  const kernel = new FakeKernel({ loaded: { abi: 1, accepting: true, deferred: 2 }, drainMs: 30 });
  const { readText, writeExisting } = kernel.sys;
  const { ctx, phase, events } = await stage(t, {}, {}, { readText: readText!, writeExisting: writeExisting! });
  const pins = path.join(ctx.options.bpfFsPath, 'bpf_kmesh');
  await phase.run(ctx);
  mkdirSync(pins, { recursive: true });
  let pinnedWhileDraining = true;
  let now = 0;
  const draining = { ...ctx.sys, now: () => now, sleep: (ms: number) => ((pinnedWhileDraining &&= existsSync(pins)), (now += ms), kernel.sys.sleep!(ms)) };
  ctx.abort();
  await phase.hold(ctx);
  Object.assign(ctx.sys, draining);
  await phase.undo(ctx, 'all');
  t.same(kernel.events, ['accepting=0']);
  t.equal(events('SIGTERM').length, 1, 'the daemon ended before');
  t.ok(now >= 60 && pinnedWhileDraining);
  t.notOk(existsSync(pins));
});

t.test('a daemon that an earlier agent left behind is ended first', async (t) => {
  const { ctx, phase, diary } = await stage(t, {});
  const orphan = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
  const orphaned = new Promise((resolve) => orphan.once('exit', resolve));
  await recordProcesses(ctx, orphan.pid);
  await phase.run(ctx);
  await orphaned;
  t.match(ctx.lines[0]?.msg, `ended kmesh-daemon with pid ${orphan.pid}`);
  t.equal(diary().length, 1);
});

t.test('a daemon that an earlier agent left behind and that takes its time to die is gone before the next one starts', async (t) => {
  const { ctx } = await stage(t, {});
  const stat = `7 (node) S ${Array.from({ length: 18 }, () => '1').join(' ')} 4711`;
  let looksUntilGone = Infinity;
  const given = { readText: ctx.sys.readText, kill: ctx.sys.kill };
  // As a process whose memory and maps are freed: for some looks after its SIGKILL it is there.
  Object.assign(ctx.sys, {
    readText: async (file: string, most: number) => {
      if (file !== '/proc/7/stat') return given.readText(file, most);
      if ((looksUntilGone -= 1) < 0) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
      return stat;
    },
    kill: (pid: number, signal: NodeJS.Signals) => {
      if (pid !== -7) return given.kill(pid, signal);
      if (signal === 'SIGKILL') looksUntilGone = 5;
      return true;
    },
  });
  await recordProcesses(ctx, 7);
  t.equal(await endLeftover(ctx, 0), 7);
  t.ok(looksUntilGone < 0, 'it was waited for');
});

/** A process that holds the lock of the pins. @param word the last one of its command line */
async function holderOfPins(t: Test, folder: string, word: string): Promise<ChildProcess> {
  const pins = path.join(folder, 'bpf_kmesh');
  mkdirSync(pins, { recursive: true });
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(new URL('../helpers/lockWorker.ts', import.meta.url)), 'hold', pins, word], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  t.equal(String(line), 'held\n');
  return child;
}

t.test('a daemon that was started and is not on record is known by its lock; whoever else holds that is left alone', async (t) => {
  const { ctx, phase } = await stage(t, {});
  const orphan = await holderOfPins(t, ctx.options.bpfFsPath, '/usr/lib/kmesh/daemon.js');
  const ended = once(orphan, 'exit');
  await phase.run(ctx);
  t.same(await ended, [null, 'SIGTERM']);
  t.match(ctx.lines[0]?.msg, `ended kmesh-daemon with pid ${orphan.pid}`);

  const other = await stage(t, {});
  const stranger = await holderOfPins(t, other.ctx.options.bpfFsPath, 'backup');
  await other.phase.run(other.ctx);
  t.ok(lives(stranger.pid ?? 0));
});

t.test('a process that only has the pid of the old daemon is left alone', async (t) => {
  const { ctx, phase } = await stage(t, {});
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
  t.teardown(() => stranger.kill('SIGKILL'));
  await recordProcesses(ctx, stranger.pid);
  const file = path.join(ctx.options.stateDir, 'processes.json');
  const record = JSON.parse(readFileSync(file, 'utf8')) as { value: { daemon: { startTime: string } } };
  record.value.daemon.startTime = '1';
  writeFileSync(file, sealed(record.value));
  await phase.run(ctx);
  t.ok(lives(stranger.pid ?? 0));
});

t.test('an agent that runs already', async (t) => {
  const { ctx, phase } = await stage(t, {});
  const other = testContext(temporaryFolder(t), { options: ctx.options, sys: { pid: process.ppid } });
  await recordProcesses(other, undefined);
  await t.rejects(phase.run(ctx), { code: 'KM_AGENT_RUNNING', exitCode: 18, detail: new RegExp(`pid ${process.ppid}`) });
  await phase.undo(ctx, 'run');
  t.ok(existsSync(path.join(ctx.options.stateDir, 'processes.json')), 'its record is not ours to remove');
});

t.test('the port of the admin interface', async (t) => {
  t.equal(adminPort([]), 15200);
  t.equal(adminPort(['--admin-port', '1234']), 1234);
  t.equal(adminPort(['--admin-port=1', '--x', '--admin-port=1234']), 1234, 'the last one counts');
  t.equal(adminPort(['--admin-port', '99999']), 15200, 'beyond all ports');
  t.equal(adminPort(['--admin-port', 'many']), 15200, 'the daemon refuses it, not the agent');
});
