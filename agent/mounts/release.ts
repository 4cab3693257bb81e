// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import type { KmeshError } from '../errors.js';
import { topMountAt } from '../probe/mountinfo.js';
import { runUndoTool, toolFailure } from '../tool.js';
import { readMounts } from './mountTable.js';
import { isOwned, type OwnedMount, readOwnership, writeOwnership } from './ownership.js';

/** What to take back: paths of mounts and folders that are on record as ours. */
export interface Selection {
  readonly mounts: readonly string[];
  readonly folders: readonly string[];
}

/**
 * Unmounts what is on record as ours and is still that very mount, and removes folders that the agent made,
 * if they are empty. Goes on after a failure; what could not be removed stays on record for `cleanup`.
 *
 * @param selection undefined: everything on record
 * @returns what was removed, for the log
 * @throws KM_UNMOUNT_FAILED, after all others were tried
 */
export async function releaseMounts(ctx: Context, selection?: Selection): Promise<readonly string[]> {
  const owned = await readOwnership(ctx);
  const removed: string[] = [];
  const mounts: OwnedMount[] = [];
  let failed: KmeshError | undefined;
  for (const mount of [...owned.mounts].reverse()) {
    if (selection !== undefined && !selection.mounts.includes(mount.path)) {
      mounts.unshift(mount);
      continue;
    }
    try {
      if (await unmount(ctx, mount)) removed.push(`mount ${mount.path}`);
    } catch (error) {
      mounts.unshift(mount);
      failed ??= toolFailure(ctx, 'KM_UNMOUNT_FAILED', `${mount.path} (${mount.fsType}) could not be unmounted`, error);
    }
  }
  const folders: string[] = [];
  for (const folder of [...owned.folders].reverse()) {
    const busy = mounts.some((mount) => mount.path === folder || mount.path.startsWith(`${folder}/`));
    const chosen = selection === undefined || selection.folders.includes(folder);
    if (busy || !chosen) folders.unshift(folder);
    else if (await ctx.sys.removeEmptyFolder(folder)) removed.push(`folder ${folder}`);
  }
  await writeOwnership(ctx, { ...owned, mounts, folders });
  if (failed !== undefined) throw failed;
  return removed;
}

/** Unmounts if the mount on record is still the one on top there; false when it is not. */
async function unmount(ctx: Context, mount: OwnedMount): Promise<boolean> {
  if (!isOwned(topMountAt(await readMounts(ctx), mount.path), mount)) return false;
  await runUndoTool(ctx, 'umount', ['-n', mount.path]);
  if (isOwned(topMountAt(await readMounts(ctx), mount.path), mount)) throw new Error('umount reported success, but it is mounted still');
  return true;
}
