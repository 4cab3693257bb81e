// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from '../context.js';
import { type Mount, parseMountinfo } from '../probe/mountinfo.js';

const MAX_BYTES = 64 << 20;

/** The mounts that a process sees; of the agent itself by default. */
export async function readMounts(ctx: Context, file = '/proc/self/mountinfo'): Promise<readonly Mount[]> {
  try {
    return parseMountinfo(await ctx.sys.readText(file, MAX_BYTES));
  } catch (error) {
    throw failure(ctx, 'KM_INPUT_FILE', `the mount table ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
