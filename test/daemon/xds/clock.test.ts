// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { WallClock } from '../../helpers/wallClock.js';

const HOUR = 3600;

t.test('a jump of the wall clock is no time that has passed', async (t) => {
  const clock = new WallClock();
  const worker = spawn(process.execPath, [...process.execArgv, fileURLToPath(new URL('../../helpers/clockWorker.ts', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...clock.env } });
  t.teardown(() => worker.kill('SIGKILL'));
  const read = async (): Promise<number[]> => {
    worker.stdin.write('\n');
    const [line] = (await once(worker.stdout, 'data')) as [Buffer];
    return String(line).trim().split(' ').map(Number);
  };
  const [wall, waited] = (await read()) as [number, number];
  for (const seconds of [HOUR, -24 * HOUR]) {
    clock.set(seconds);
    const [wallNow, waitedNow] = (await read()) as [number, number];
    t.ok(Math.abs(wallNow - wall - seconds * 1000) < 60_000, `the wall clock jumped by ${seconds} s`);
    t.ok(waitedNow >= waited && waitedNow - waited < 60_000, 'waiting goes on as before');
  }
});
