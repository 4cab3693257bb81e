// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import { type ExecResult } from '../exec.js';
import { QUICK_MS } from '../tool.js';

/** A kernel that is short of memory, or emulated, takes its time to load a module and run its self-tests. */
const LOAD_MS = 2 * QUICK_MS;

/**
 * Runs insmod or rmmod. Never cut short by a stop of the agent: the kernel would go on by itself, and nobody would
 * know how it ended.
 */
export function runKmod(ctx: Context, tool: 'insmod' | 'rmmod', args: readonly string[]): Promise<ExecResult> {
  // Shells of users, `su` among them, leave sbin out of PATH. Messages are recognised by their English words.
  const env = { PATH: `${ctx.sys.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' };
  return ctx.exec(tool, args, { timeoutMs: LOAD_MS, env, onLine: (line) => ctx.log.debug({ tool }, line) });
}
