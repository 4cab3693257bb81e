// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Context } from '../context.js';
import type { Manage } from '../options.js';
import { runUndoTool, toolFailure } from '../tool.js';
import { membershipArguments } from './command.js';

export const daemonProgram = (ctx: Context): string => path.join(ctx.root, 'daemon.js');

/** The folder of the pins. A daemon holds its lock from its start to its end. */
export const pinRoot = (ctx: Context): string => path.join(ctx.options.bpfFsPath, 'bpf_kmesh');

/** Whether programs and maps are pinned on this node. */
export async function hasPins(ctx: Context): Promise<boolean> {
  return (await ctx.sys.stat(pinRoot(ctx))) !== undefined;
}

/**
 * Removes the pinned programs and maps; connections then go where they were always meant to. The daemon knows
 * what it pinned, so it is the one to remove it. Where labels decide it also takes its annotation from the pods of the node, as far as the API server lets it.
 *
 * @returns false when there was nothing to remove
 * @throws KM_DAEMON_CLEANUP
 */
export async function removePins(ctx: Context, manage: Manage): Promise<boolean> {
  if (!(await hasPins(ctx))) return false;
  const { bpfFsPath, logLevel } = ctx.options;
  const args = [daemonProgram(ctx), '--cleanup', ...membershipArguments(ctx.options, manage), '--bpf-fs-path', bpfFsPath, '--log-level', logLevel, '--log-format', 'json'];
  await runUndoTool(ctx, process.execPath, args).catch((error: unknown) => {
    throw toolFailure(ctx, 'KM_DAEMON_CLEANUP', `the pins below ${bpfFsPath} were not removed`, error);
  });
  return true;
}
