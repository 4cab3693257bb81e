// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { failure } from '../../context.js';
import { refuseOpenFolder } from '../../stateFiles.js';
import { type Finding, ok, warning } from '../check.js';
import type { Examination } from '../examination.js';

/** Objects of both compilers and a copy of the sources, twice, come to less. */
const NEEDED_BYTES = 64 * 2 ** 20;

/** Whether a build could be kept: the folder, or the nearest one above it that is there, can be written and has room. */
export async function lookAtStateFolder({ ctx }: Examination): Promise<Finding> {
  const { stateDir } = ctx.options;
  let folder = stateDir;
  for (; (await ctx.sys.stat(folder)) === undefined; folder = path.dirname(folder));
  if ((await ctx.sys.stat(folder))?.kind !== 'directory') throw failure(ctx, 'KM_STATE_DIR', `${folder} is no directory`);
  if (folder === stateDir) await refuseOpenFolder(ctx);
  const where = folder === stateDir ? stateDir : `${stateDir} will be made below ${folder}`;
  const obstacle = await ctx.sys.writeObstacle(folder);
  if (obstacle === 'EACCES' && ctx.sys.effectiveUid !== 0) return warning(`could not look: ${obstacle} at ${folder} for user id ${ctx.sys.effectiveUid}; the agent runs as root`, 'Run doctor as root.');
  if (obstacle !== undefined) throw failure(ctx, 'KM_STATE_DIR', `${folder} cannot be written (${obstacle})`);
  const mib = Math.floor((await ctx.sys.freeBytes(folder)) / 2 ** 20);
  if (mib * 2 ** 20 < NEEDED_BYTES) throw failure(ctx, 'KM_STATE_DIR', `${folder} has ${mib} MiB left, a build needs up to ${NEEDED_BYTES / 2 ** 20} MiB`);
  return ok(`${where}, ${mib} MiB free`);
}
