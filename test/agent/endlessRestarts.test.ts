// SPDX-License-Identifier: Apache-2.0
// A day of a daemon that fails at once, 10,000 times, with a fake clock: the agent's memory stays flat, and no wait leaves its bounds.
import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import type { LogLine } from '../helpers/agentContext.js';
import { Simulation } from '../helpers/supervision/simulation.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const HOUR = 3_600_000;
const [MIN, MAX] = [250, 11_520];
const RESTARTS = 10_000;
/** When code is compiled and tables are as large as they get. */
const WARM = 2000;
/** Less than a hundred bytes for each restart: one listener, promise or line of a log that stays is more. */
const MAX_HEAP_GROWTH = 700 << 10;
/** RSS moves by itself, by whole pages of V8's heap. */
const MAX_RSS_GROWTH = 24 << 20;

interface Day {
  readonly hours: number;
  readonly heapGrowth: number;
  readonly rssGrowth: number;
  readonly shortest: number;
  readonly longest: number;
  readonly listeners: number;
  readonly simulation: Simulation;
}

async function memory(): Promise<{ heap: number; rss: number }> {
  // What is told by FinalizationRegistry goes a turn after what it belongs to.
  for (let pass = 0; pass < 3; pass += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { heap: process.memoryUsage().heapUsed, rss: process.memoryUsage.rss() };
}

/** @param onLine sees each line of the log, as whatever leaks would */
async function day(onLine: (line: LogLine) => void): Promise<Day> {
  const simulation = new Simulation((life) => (life === 1 ? { manner: () => 'ready', ends: { ms: 1000, exit: { code: 3, signal: undefined } } } : { manner: () => 'refused', ends: { ms: 5, exit: { code: 3, signal: undefined } }, tail: [`cannot load programs, the ${life}th time`] }), { minDelayMs: MIN, maxDelayMs: MAX });
  const { ctx, supervisor } = simulation;
  let random = 0.5;
  Object.assign(ctx.sys, { random: () => (random = (random + 0.618033988749895) % 1) });
  let [shortest, longest] = [Infinity, 0];
  simulation.onLine = (line) => {
    onLine(line);
    const delay = line['delayMs'];
    if (typeof delay !== 'number') return;
    shortest = Math.min(shortest, delay);
    longest = Math.max(longest, delay);
  };
  let started = false;
  const start = supervisor.start().then(() => (started = true));
  await simulation.runUntil(() => started);
  await start;
  const held = supervisor.hold();
  await simulation.runUntil(() => ctx.board.daemon.restarts >= WARM);
  const before = await memory();
  await simulation.runUntil(() => ctx.board.daemon.restarts >= RESTARTS);
  const after = await memory();
  const listeners = getEventListeners(ctx.stop, 'abort').length + getEventListeners(ctx.hurry, 'abort').length;
  ctx.abort();
  await simulation.runUntil(() => ctx.board.daemon.state === 'stopped');
  await held;
  return { hours: simulation.now / HOUR, heapGrowth: after.heap - before.heap, rssGrowth: after.rss - before.rss, shortest, longest, listeners, simulation };
}

t.test('24 hours, 10,000 restarts', async (t) => {
  const { hours, heapGrowth, rssGrowth, shortest, longest, listeners, simulation } = await day(() => {});
  t.ok(hours > 22 && hours < 26, `${hours.toFixed(1)} simulated hours`);
  t.ok(heapGrowth < MAX_HEAP_GROWTH, `the heap grew by ${heapGrowth >> 10} KiB in ${RESTARTS - WARM} restarts`);
  t.ok(rssGrowth < MAX_RSS_GROWTH, `RSS grew by ${rssGrowth >> 10} KiB`);
  t.ok(shortest >= MIN && longest <= MAX, `waits from ${shortest} to ${longest} ms`);
  t.ok(longest > MAX * 0.99, 'and the maximum is used');
  t.ok(listeners <= 4, `${listeners} listeners on signals that live as long as the agent`);
  const { daemon } = simulation.ctx.board;
  t.match(daemon, { state: 'stopped', restarts: RESTARTS, restartsByCause: { exit: RESTARTS }, lastEnd: { how: 'exit 3' }, crashLoop: { code: 'KM_DAEMON_CRASH_LOOP' } });
  t.match(daemon.transitions, { 'crash-loop-entered': 1, 'crash-loop-left': 0, ready: 1, starting: RESTARTS + 1 });
  t.ok(JSON.stringify(daemon).length < 2000, 'what is shown does not grow');
});

t.test('the measure bites: two hundred bytes that stay of each restart would be seen', async (t) => {
  const kept: unknown[] = [];
  const { heapGrowth } = await day((line) => {
    if (line['transition'] === 'starting') kept.push(new Array<number>(24).fill(kept.length));
  });
  t.ok(heapGrowth > MAX_HEAP_GROWTH, `the heap grew by ${heapGrowth >> 10} KiB, ${kept.length} are kept`);
});
