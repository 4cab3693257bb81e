// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, failure } from '../context.js';
import { ExecError } from '../exec.js';
import type { HeaderTree } from '../gather/headerTree.js';
import { treeTools } from '../probe/headerPlaces.js';
import { startTrouble } from '../probe/startTrouble.js';
import { runTool } from '../tool.js';

/**
 * Runs each program of the header tree that kbuild will run, without arguments: they print how they are used, and write
 * nothing.
 *
 * @throws KM_HEADERS_TOOLS naming the program and what it lacks
 */
export async function checkHeaderTools(ctx: Context, { folder = '', config = new Map<string, string>() }: HeaderTree): Promise<void> {
  for (const tool of treeTools(config)) await checkTreeTool(ctx, path.join(folder, tool));
}

/** @throws KM_HEADERS_TOOLS */
export async function checkTreeTool(ctx: Context, file: string): Promise<void> {
  try {
    await runTool(ctx, file, []);
  } catch (error) {
    if (!(error instanceof ExecError) || ctx.stop.aborted) throw error;
    const { errno, exit, tail, timedOut, reason } = error.failure;
    const trouble = timedOut ? reason : startTrouble(errno, exit, tail);
    if (trouble !== undefined) throw failure(ctx, 'KM_HEADERS_TOOLS', `${file} does not run here: ${trouble}`, { cause: error, tail });
  }
}
