// SPDX-License-Identifier: Apache-2.0
// The parts of the agent that make a good PID 1, run as PID 1 of a pid namespace: prints what it saw as one JSON object.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isOwnChild } from '../../agent/children.js';
import { exec, exitStatus, startService } from '../../agent/exec.js';
import { watchLastWords } from '../../agent/lastWords.js';
import { childrenByParent, childrenOf, reapOrphans } from '../../agent/reaper.js';
import { FORWARDED_SIGNALS, takeSignals } from '../../agent/supervisor/signals.js';
import { sys } from '../../agent/sys.js';

const SH = '/bin/sh';

function statesOf(): { pid: number; state: string; group: number }[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state = '', , group = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [{ pid: Number(name), state, group: Number(group) }];
    } catch {
      return [];
    }
  });
}

const zombies = (): number => statesOf().filter(({ state }) => state === 'Z').length;

/** How shells would tell the end of each command; eight at a time. */
async function statuses(commands: readonly string[]): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < commands.length; i += 8) {
    found.push(...(await Promise.all(commands.slice(i, i + 8).map(async (command) => exitStatus(await (await startService(SH, ['-c', command])).exited)))));
  }
  return found;
}

const codes = (): Promise<number[]> => statuses(Array.from({ length: 256 }, (_, code) => `exit ${code}`));

/** Numbers of the signals that end a process. */
const ENDING = Object.entries(constants.signals).filter(([name]) => !['SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGWINCH'].includes(name)).map(([, number]) => number);

const signals = async (): Promise<number[]> => (await statuses(ENDING.map((number) => `ulimit -c 0; kill -${number} $$`))).map((status, i) => status - (ENDING[i] ?? 0));

/** Orphans of double forks, some of which led sessions of their own; Node's own children meanwhile have to be told. */
async function orphans(count: number): Promise<{ told: number; wrong: number }> {
  const makers = Array.from({ length: 4 }, () => exec(SH, ['-c', `i=0; while [ $i -lt ${count / 4} ]; do (: &); i=$((i+1)); done; for i in 1 2 3; do (setsid sh -c 'sleep 0.05; exit 3' &); done`], { timeoutMs: 60_000 }));
  let working = true;
  let told = 0;
  let wrong = 0;
  const others = (async () => {
    for (let code = 0; working; code = (code + 1) % 256, told += 1) {
      if ((await (await startService(SH, ['-c', `exit ${code}`])).exited).code !== code) wrong += 1;
    }
  })();
  await Promise.all(makers);
  working = false;
  await others;
  return { told, wrong };
}

async function waitForNoZombies(): Promise<number> {
  for (let i = 0; i < 1000 && zombies() > 0; i += 1) await delay(20);
  return zombies();
}

async function group(): Promise<number> {
  const service = await startService(SH, ['-c', 'trap "" TERM; (trap "" TERM; sleep 100) & (trap "" TERM; sleep 100 & wait) & wait; sleep 100']);
  const members = (): number => statesOf().filter((one) => one.group === service.pid && one.state !== 'Z').length;
  while (members() < 4) await delay(5);
  service.kill('SIGTERM');
  service.kill('SIGKILL');
  await service.exited;
  // The signal has been sent to all of them; on a busy machine its end takes some a moment longer than their leader. A survivor would sleep for 100 s.
  for (let i = 0; i < 1000 && members() > 0; i += 1) await delay(5);
  return members();
}

/** Which of the signals that are sent to the agent its daemon gets, and what two that ask for an end do. */
async function forwarding(file: string): Promise<unknown> {
  const taken = takeSignals(() => {});
  writeFileSync(file, '');
  const script = `for (const s of ${JSON.stringify(FORWARDED_SIGNALS)}) process.on(s, () => require('fs').appendFileSync(${JSON.stringify(file)}, s + '\\n')); require('fs').appendFileSync(${JSON.stringify(file)}, 'up\\n'); setInterval(() => {}, 1000)`;
  const service = await startService(process.execPath, ['-e', script]);
  const heard = (): string[] => readFileSync(file, 'utf8').split('\n').filter(Boolean);
  while (heard().length < 1) await delay(5);
  taken.relay.receiver = (signal) => service.kill(signal);
  for (const [i, signal] of FORWARDED_SIGNALS.entries()) {
    process.kill(process.pid, signal);
    while (heard().length < i + 2) await delay(5);
  }
  const stopped = once(taken.stop, 'abort');
  process.kill(process.pid, 'SIGQUIT');
  await stopped;
  const calm = taken.hurry.aborted;
  const hurried = once(taken.hurry, 'abort');
  process.kill(process.pid, 'SIGTERM');
  await hurried;
  service.kill('SIGKILL');
  await service.exited;
  return { heard: heard().slice(1), stop: taken.stop.reason, calm, hurry: taken.hurry.reason };
}

/** Whether Node is told the end of a child that has ended before a reaper looked. */
async function toldBeside(known: boolean): Promise<boolean> {
  const reaper = await reapOrphans(sys, () => known);
  const child = spawn(SH, ['-c', 'exit 7']);
  // Node would wait for a stolen one for ever.
  child.unref();
  const told = once(child, 'exit').then(([code]) => code === 7);
  // Without a turn of the event loop, so that Node cannot have waited for it.
  while (!/\) Z /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))) spawnSync('true');
  await reaper.now();
  reaper.stop();
  // One that is stolen is never told; one that is not may take its time on a busy machine.
  const over = new AbortController();
  const waited = delay(known ? 20_000 : 300, false, { signal: over.signal }).catch(() => false);
  return await Promise.race([told, waited]).finally(() => over.abort());
}

async function contract(folder: string): Promise<unknown> {
  const bare = await (async () => {
    execFileSync(SH, ['-c', '(: &); (: &)']);
    for (let i = 0; i < 1000 && zombies() < 2; i += 1) await delay(20);
    return zombies();
  })();
  const reaper = await reapOrphans(sys, isOwnChild);
  const first = await waitForNoZombies();
  const [exits, kills] = [await codes(), await signals()];
  const before = reaper.reaped();
  const family = await orphans(10_000);
  const left = await waitForNoZombies();
  const children = [await childrenOf(sys), await childrenByParent(sys)];
  const rest = { taken: reaper.reaped() - before, group: await group(), forwarding: await forwarding(`${folder}/heard`), zombies: await waitForNoZombies() };
  reaper.stop();
  return { pid: process.pid, bare, first, exits, kills, family, left, children, ...rest, told: { known: await toldBeside(true), stolen: await toldBeside(false) } };
}

const [scenario = '', folder = ''] = process.argv.slice(2);
const lastWords = watchLastWords();
switch (scenario) {
  case 'contract':
    appendFileSync(`${folder}/result`, JSON.stringify(await contract(folder)));
    break;
  case 'rejection':
    // The shell says on standard error that its sleep was terminated: where the reader has gone already, that would end it before its trap.
    await startService(SH, ['-c', `exec 2> /dev/null; trap 'echo ended > ${folder}/child; exit' TERM; echo up > ${folder}/child; while :; do sleep 0.01; done`]);
    while (!readdirSync(folder).includes('child')) await delay(5);
    void Promise.reject(new Error('nobody takes this'));
    await delay(60_000);
    break;
  case 'stuck':
    await new Promise(() => {});
}
lastWords.ended = 0;
