// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import { ExecError, type ExecResult } from '../exec.js';
import { QUICK_MS, toolFailure } from '../tool.js';

/** A kernel that is short of memory, or emulated, takes its time to load a module and run its self-tests. */
const LOAD_MS = 2 * QUICK_MS;

/**
 * Runs insmod or rmmod. Never cut short by a stop of the agent: the kernel would go on by itself, and nobody would
 * know how it ended.
 */
export function runKmod(ctx: Context, tool: 'insmod' | 'rmmod', args: readonly string[]): Promise<ExecResult> {
  // Shells of users, `su` among them, leave sbin out of PATH, or all of it; an empty name there would be the current folder.
  const searched = [ctx.sys.env['PATH'] ?? '', '/usr/sbin', '/sbin'].filter((folders) => folders !== '');
  // Messages are recognised by their English words.
  const env = { PATH: searched.join(':'), LC_ALL: 'C' };
  return ctx.exec(tool, args, { timeoutMs: LOAD_MS, env, onLine: (line) => ctx.log.debug({ tool }, line) });
}

/** @throws KM_MODULE_TOOL when a tool is not there; how it takes the question does not matter */
export async function requireKmod(ctx: Context, tool: 'insmod' | 'rmmod'): Promise<void> {
  await runKmod(ctx, tool, ['--version']).catch((error: unknown) => {
    if (!(error instanceof ExecError)) throw error;
    if (error.failure.errno !== undefined) throw toolFailure(ctx, 'KM_MODULE_TOOL', tool, error);
  });
}
