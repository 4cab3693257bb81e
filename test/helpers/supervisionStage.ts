// SPDX-License-Identifier: Apache-2.0
// The phase supervise-daemon with a small real program in the place of kmesh-daemon.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Phase } from '../../agent/phase.js';
import { superviseDaemon } from '../../agent/phases/superviseDaemon.js';
import { SUPERVISION_TIMES, type SupervisionTimes } from '../../agent/supervisor/times.js';
import type { Sys } from '../../agent/sys.js';
import { type TestContext, temporaryFolder, testContext } from './agentContext.js';
import { type DiaryEntry, freePort, installFakeDaemon, type Life, readDiary } from './fakeDaemon.js';

/** Fast enough for a test; the order of magnitudes is that of the real ones. */
export const TIMES: SupervisionTimes = { ...SUPERVISION_TIMES, minDelayMs: 10, maxDelayMs: 40, graceMs: 300 };

export interface Stage {
  readonly ctx: TestContext;
  readonly folder: string;
  readonly phase: Required<Pick<Phase, 'run' | 'hold' | 'undo'>>;
  readonly diary: () => DiaryEntry[];
  readonly events: (name: string) => DiaryEntry[];
}

export async function stage(t: Tap, life: Life, { supervision, ...options }: Partial<Omit<TestContext['options'], 'supervision'>> & { supervision?: Partial<SupervisionTimes> } = {}, sys: Partial<Sys> = {}): Promise<Stage> {
  const folder = temporaryFolder(t);
  installFakeDaemon(folder, life);
  const port = await freePort();
  const build = { key: 'k', folder, include: folder, objects: path.join(folder, 'objects'), module: path.join(folder, 'module') };
  const ctx = testContext(folder, {
    root: folder,
    sys,
    results: { build, attachFolder: folder },
    options: { daemonArgs: ['--xds-plaintext', '--admin-port', String(port)], supervision: { ...TIMES, ...supervision }, ...options },
  });
  const { run, hold, undo } = superviseDaemon;
  if (hold === undefined || undo === undefined) throw new Error('the phase holds and undoes');
  t.teardown(() => undo(ctx, 'run'));
  const diary = (): DiaryEntry[] => readDiary(folder);
  return { ctx, folder, phase: { run, hold, undo }, diary, events: (name) => diary().filter(([, event]) => event === name) };
}

interface Tap {
  teardown(work: () => unknown): void;
}

export const lives = (pid: number): boolean => existsSync(`/proc/${pid}/stat`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

/** Polls, since there is no event to await in another process's diary. */
export async function until(ctx: TestContext, done: () => boolean): Promise<void> {
  while (!done()) await ctx.sys.sleep(5);
}
