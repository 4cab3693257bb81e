// SPDX-License-Identifier: Apache-2.0
// `npm run soak [-- SECONDS]`: the supervisor with real processes that crash, hang and get well again, for an hour or as long as is
// asked. Prints a line a minute, and ends with 1 when memory, open files or zombies grow, or a state is not reached.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { superviseDaemon } from '../../../agent/phases/superviseDaemon.js';
import { SUPERVISION_TIMES } from '../../../agent/supervisor/times.js';
import { type TestContext, testContext } from '../agentContext.js';
import { freePort, installFakeDaemon, type Life } from '../fakeDaemon.js';

/** Each process takes the next one. Those that are well for long enough to end the crash loop are killed or halted then; the first one is. */
const LIVES: readonly Life[] = [{}, { dies: 3 }, { dies: 0 }, { dies: 'SIGKILL' }, { dies: 'SIGSEGV', says: 'a last line' }, { dies: 7 }, { answers: 3 }, { mute: true }, { fails: 'map full' }, { reasons: ['no control plane'] }];
const TIMES = { ...SUPERVISION_TIMES, minDelayMs: 20, maxDelayMs: 200, healthyMs: 3000, hangMs: 8000, readyMs: 10_000, graceMs: 500 };
const HOUR = 3600;
/** What V8 takes and gives back by itself. */
const SPARE_RSS = 12 << 20;

interface Sample {
  readonly rss: number;
  readonly heap: number;
  readonly files: number;
  readonly children: number;
}

function sample(): Sample {
  const { rss, heapUsed } = process.memoryUsage();
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean).length;
  return { rss, heap: heapUsed, files: readdirSync('/proc/self/fd').length, children };
}

const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** What is wrong, by the second and the last quarter of the samples. */
function complaints(samples: readonly Sample[]): string[] {
  const quarter = Math.floor(samples.length / 4);
  const part = (from: number, what: keyof Sample): number => middle(samples.slice(from, from + quarter).map((one) => one[what]));
  const grown = (what: keyof Sample): number => part(samples.length - quarter, what) - part(quarter, what);
  return [
    ...(grown('rss') > SPARE_RSS ? [`RSS grew by ${grown('rss') >> 10} KiB`] : []),
    ...(grown('files') > 2 ? [`${grown('files')} files more are open`] : []),
    ...(Math.max(...samples.map((one) => one.children)) > 2 ? ['there are children besides the daemon'] : []),
  ];
}

async function context(folder: string): Promise<TestContext> {
  installFakeDaemon(folder, LIVES);
  const build = { key: 'k', folder, include: folder, objects: folder, module: folder };
  const base = testContext(folder, { root: folder, results: { build, attachFolder: folder }, options: { supervision: TIMES, daemonArgs: ['--admin-port', String(await freePort())] } });
  return { ...base, log: pino({ level: 'silent' }) };
}

async function soak(seconds: number): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'kmesh-soak-'));
  const ctx = await context(folder);
  const { sys, board } = ctx;
  const start = sys.now();
  const samples: Sample[] = [];
  await superviseDaemon.run(ctx);
  const held = superviseDaemon.hold!(ctx);
  let told = -60;
  while (sys.now() - start < seconds * 1000) {
    const { transitions, pid, restarts, state, failuresInARow } = board.daemon;
    if (state === 'ready' && failuresInARow === 0 && pid !== undefined) process.kill(pid, restarts % 2 === 0 ? 'SIGKILL' : 'SIGSTOP');
    samples.push(sample());
    const second = Math.floor((sys.now() - start) / 1000);
    if (second >= told + 60) {
      told = second;
      const { rss, heap, files, children } = samples.at(-1)!;
      process.stdout.write(`${String(second).padStart(5)} s  ${restarts} restarts ${JSON.stringify(board.daemon.restartsByCause)}  crash loops ${transitions['crash-loop-entered']} entered, ${transitions['crash-loop-left']} left  RSS ${rss >> 20} MiB, heap ${heap >> 20} MiB, ${files} files, ${children} children\n`);
    }
    await sys.sleep(1000);
  }
  ctx.abort();
  await held;
  rmSync(folder, { recursive: true, force: true });
  const { transitions, restartsByCause } = board.daemon;
  const wrong = complaints(samples);
  if (seconds >= 120) for (const cause of ['exit', 'exit-0', 'signal', 'hung', 'not-ready'] as const) if (restartsByCause[cause] === 0) wrong.push(`no restart by the cause ${cause}`);
  if (transitions['crash-loop-entered'] - transitions['crash-loop-left'] > 1) wrong.push('a crash loop was not left');
  process.stdout.write(wrong.length === 0 ? `soak: ${board.daemon.restarts} restarts in ${seconds} s, all flat\n` : `soak: ${wrong.join('; ')}\n`);
  return wrong.length === 0 ? 0 : 1;
}

const seconds = Number(process.argv[2] ?? HOUR);
if (!Number.isInteger(seconds) || seconds < 10) {
  process.stderr.write('soak: npm run soak [-- SECONDS], at least 10\n');
  process.exit(2);
}
process.exit(await soak(seconds));
