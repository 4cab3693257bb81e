// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { z } from 'zod';
import { type Context, failure } from './context.js';
import { isErrno } from './sys.js';

const MAX_BYTES = 1 << 20;

/**
 * Reads a JSON file of the state folder. undefined: it is not there, or it is not what it should be; the
 * latter is told in the log and not believed, since what it lists would be removed.
 */
export async function readState<T>(ctx: Context, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const file = path.join(ctx.options.stateDir, name);
  try {
    return schema.parse(JSON.parse(await ctx.sys.readText(file, MAX_BYTES)));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (isErrno(error, 'EACCES', 'EIO')) throw failure(ctx, 'KM_STATE_DIR', `${file} cannot be read`, { cause: error });
    ctx.log.warn({ err: error }, `${file} is not a file that the agent wrote; it is ignored`);
    return undefined;
  }
}

export async function writeState(ctx: Context, name: string, value: unknown): Promise<void> {
  const { stateDir } = ctx.options;
  try {
    await ctx.sys.makeFolders(stateDir);
    await ctx.sys.writeFileAtomically(path.join(stateDir, name), `${JSON.stringify(value, undefined, 2)}\n`);
  } catch (error) {
    throw failure(ctx, 'KM_STATE_DIR', `${path.join(stateDir, name)} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

export async function removeState(ctx: Context, name: string): Promise<void> {
  await ctx.sys.removeTree(path.join(ctx.options.stateDir, name));
}
