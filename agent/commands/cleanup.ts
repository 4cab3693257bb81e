// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { removeFromNode } from '../cni/chain.js';
import { cniPlaces, removeRunDir } from '../cni/places.js';
import { managed } from '../cluster/manage.js';
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
import { claimNode, type Leave } from '../supervisor/exclusive.js';
import { endLeftover, forgetProcesses } from '../supervisor/processes.js';

/**
 * Removes what runs with these options left: kmesh-cni, a daemon whose agent died, pins, kmesh.ko, mounts and folders on record,
 * and the build results. Called again, it finds nothing to do.
 *
 * @returns the exit code
 * @throws KM_AGENT_RUNNING
 */
export async function cleanup(ctx: Context): Promise<number> {
  const leave = await claimIfThere(ctx);
  try {
    return await cleanupAlone(ctx, leave);
  } finally {
    await leave?.();
  }
}

/** A running agent would lose its mounts: it is told before anything is touched. A disk that is full must not keep the node from being cleaned. */
async function claimIfThere(ctx: Context): Promise<Leave | undefined> {
  if ((await ctx.sys.stat(ctx.options.stateDir)) === undefined) return undefined;
  try {
    return await claimNode(ctx);
  } catch (error) {
    if (error instanceof KmeshError && error.code === 'KM_AGENT_RUNNING') throw error;
    ctx.log.warn(`an agent that starts meanwhile would not be noticed: ${(error as Error).message}`);
    return undefined;
  }
}

async function cleanupAlone(ctx: Context, leave: Leave | undefined): Promise<number> {
  const daemon = await endLeftover(ctx, ctx.options.supervision.graceMs);
  const removed = daemon === undefined ? [] : [`kmesh-daemon (pid ${daemon})`];
  const steps: readonly (() => Promise<readonly string[]>)[] = [
    async () => {
      // First of all: while a chain names kmesh-cni, pods depend on what is taken away below.
      const removedCni = await removeFromNode(ctx, await cniPlaces(ctx));
      await removeRunDir(ctx);
      return removedCni;
    },
    async () => {
      // Connections that kmesh.ko holds back go on while the programs are there to say where.
      await drain(ctx);
      return [];
    },
    async () => ((await removePins(ctx, (await managed(ctx)).manage)) ? ['pinned programs and maps'] : []),
    async () => ((await removeModule(ctx)) ? [`module ${MODULE_NAME}`] : []),
    () => releaseMounts(ctx),
    async () => {
      await forgetProcesses(ctx);
      // The folder goes, too, when nothing else is in it.
      await leave?.(true);
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
