// SPDX-License-Identifier: Apache-2.0
/** What the kernel keeps for itself. */
import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from './module.js';

const LOOKS = 10;
const BETWEEN_MS = 300;
/** TCP_TIMEWAIT_LEN, and something for a slow machine. */
const CLOSED_MS = 180_000;
/** The agent asks a ready daemon every two seconds, each time by a connection that then rests for a minute; twice as many, for other askers. */
const OWN_TIME_WAITS = 60;

/**
 * Slabs that cannot be reclaimed, per-CPU and vmalloc memory, in kB, when no connection is about to end. Objects are freed after
 * grace periods and by work queues, and nobody says when the last is: the least of several looks.
 */
export async function kernelMemory(): Promise<number> {
  await until('all connections that were closed have ended', CLOSED_MS, () => closed() <= OWN_TIME_WAITS);
  let least = Infinity;
  for (let look = 0; look < LOOKS; look++) {
    fs.writeFileSync('/proc/sys/vm/drop_caches', '3');
    least = Math.min(least, inUse());
    await pause(BETWEEN_MS);
  }
  return least;
}

/** Connections that have not quite ended; none of them may be an orphan. */
function closed(): number {
  const [, orphans, timeWaits] = / orphan (\d+) tw (\d+) /.exec(fs.readFileSync('/proc/net/sockstat', 'utf8'))!.map(Number);
  return orphans === 0 ? timeWaits! : Infinity;
}

function inUse(): number {
  const text = fs.readFileSync('/proc/meminfo', 'utf8');
  return ['SUnreclaim', 'Percpu', 'VmallocUsed'].reduce((sum, name) => sum + Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0), 0);
}
