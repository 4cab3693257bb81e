// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { codedError } from '../coded.js';
import { removeUnusedBuilds } from '../compile/oldBuilds.js';
import { type Context, failure } from '../context.js';
import { KmeshError } from '../errors.js';
import { drain } from '../module/drain.js';
import { MODULE_NAME } from '../module/loaded.js';
import { removeModule } from '../module/remove.js';
import { releaseMounts } from '../mounts/release.js';
import { logError } from '../report.js';
import { removePins } from '../supervisor/pins.js';
import { endLeftover, forgetProcesses } from '../supervisor/processes.js';

/**
 * Removes what runs with these options left: a daemon whose agent died, pins, kmesh.ko, mounts and folders on record,
 * and the build results. Called again, it finds nothing to do.
 *
 * @returns the exit code
 */
export async function cleanup(ctx: Context): Promise<number> {
  // A running agent would lose its mounts: this one is refused before anything is touched.
  const daemon = await endLeftover(ctx, ctx.options.supervision.graceMs);
  const removed = daemon === undefined ? [] : [`kmesh-daemon (pid ${daemon})`];
  const steps: readonly (() => Promise<readonly string[]>)[] = [
    async () => {
      // Connections that kmesh.ko holds back go on while the programs are there to say where.
      await drain(ctx);
      return [];
    },
    async () => ((await removePins(ctx)) ? ['pinned programs and maps'] : []),
    async () => ((await removeModule(ctx)) ? [`module ${MODULE_NAME}`] : []),
    () => releaseMounts(ctx),
    async () => {
      await forgetProcesses(ctx);
      return removeBuilds(ctx);
    },
  ];
  let failed: KmeshError | undefined;
  for (const step of steps) {
    try {
      removed.push(...(await step()));
    } catch (thrown) {
      const error = codedError(ctx, thrown);
      logError(ctx.log, ctx.options.logFormat, error);
      failed ??= error;
    }
  }
  ctx.log.info({ removed }, removed.length === 0 ? 'there was nothing to remove' : `removed: ${removed.join(', ')}`);
  return failed?.exitCode ?? 0;
}

/** A build that another agent uses stays, and is told: agents of other pid namespaces can share the folder. */
async function removeBuilds(ctx: Context): Promise<readonly string[]> {
  const { stateDir } = ctx.options;
  const builds = path.join(stateDir, 'build');
  const there = (await ctx.sys.stat(builds)) !== undefined;
  try {
    if (there && !(await removeUnusedBuilds(ctx, builds))) return [`${builds}, but what another agent uses`];
  } catch (error) {
    if (error instanceof KmeshError) throw error;
    throw failure(ctx, 'KM_STATE_DIR', `${builds} cannot be removed: ${(error as Error).message}`, { cause: error });
  }
  // Left alone when it holds the record of something that could not be removed, or files of others.
  await ctx.sys.removeEmptyFolder(stateDir);
  return there ? [builds] : [];
}
