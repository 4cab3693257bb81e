// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from '../context.js';
import { type Mount, topMountAt } from '../probe/mountinfo.js';
import { readMounts } from './mountTable.js';
import type { Selection } from './release.js';
import { type OwnedMount, readOwnership, writeOwnership } from './ownership.js';

/** A folder to mount on, and what is mounted there now. */
export interface Place {
  /** Without symbolic links: as the kernel writes it in mountinfo. */
  readonly path: string;
  readonly mounted: Mount | undefined;
}

/**
 * Makes the folder if need be, puts it on record, and looks at what is mounted there.
 *
 * @param changed told which folders were made, before anything else can fail
 * @throws KM_MOUNT_POINT when it cannot be made, is no folder, or holds files that a mount would hide
 */
export async function preparePlace(ctx: Context, folder: string, changed: (change: Selection) => void): Promise<Place> {
  const owned = await readOwnership(ctx);
  const made = await makeFolders(ctx, folder);
  try {
    if (made.length > 0) await writeOwnership(ctx, { ...owned, folders: [...owned.folders, ...made] });
  } catch (error) {
    // Nobody would know later whose they are.
    for (const one of [...made].reverse()) await ctx.sys.removeEmptyFolder(one);
    throw error;
  }
  changed({ mounts: [], folders: made });
  return lookAtPlace(ctx, folder);
}

/**
 * What is mounted at a folder that is there.
 * @throws KM_MOUNT_POINT when it is no folder, or holds files that a mount would hide
 */
export async function lookAtPlace(ctx: Context, folder: string): Promise<Place> {
  const look = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw failure(ctx, 'KM_MOUNT_POINT', `${folder} cannot be looked at: ${(error as Error).message}`, { cause: error });
    }
  };
  const entry = await look(() => ctx.sys.stat(folder));
  if (entry?.kind !== 'directory') throw failure(ctx, 'KM_MOUNT_POINT', `${folder} is not a directory`);
  const path = await look(() => ctx.sys.realPath(folder));
  const top = topMountAt(await readMounts(ctx), path);
  const mounted = top !== undefined && isBareMountPoint(top) ? undefined : top;
  if (mounted === undefined && (await look(() => ctx.sys.list(path))).length > 0) {
    throw failure(ctx, 'KM_MOUNT_POINT', `${path} holds files that a mount would hide`);
  }
  return { path, mounted };
}

/**
 * The kernel's own empty folder for a file system, itself bound to the place: what a container gets of a node on which nobody has
 * mounted it (kernel/bpf/inode.c and kernel/cgroup/cgroup.c: sysfs_create_mount_point).
 */
const isBareMountPoint = ({ fsType, root }: Mount): boolean => fsType === 'sysfs' && ['/fs/bpf', '/fs/cgroup'].includes(root);

async function makeFolders(ctx: Context, folder: string): Promise<readonly string[]> {
  try {
    return await ctx.sys.makeFolders(folder);
  } catch (error) {
    throw failure(ctx, 'KM_MOUNT_POINT', `${folder} cannot be made: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws KM_MOUNT_FOREIGN when something of another type is mounted at the place */
export function refuseForeign(ctx: Context, place: Place, fsType: string): void {
  const { mounted, path } = place;
  if (mounted !== undefined && mounted.fsType !== fsType) {
    throw failure(ctx, 'KM_MOUNT_FOREIGN', `${path} should be ${fsType}, but ${mounted.fsType} (${mounted.source}) is mounted there`);
  }
}

/** @throws KM_FILESYSTEM_UNSUPPORTED when the kernel has no such file system */
export async function requireFileSystem(ctx: Context, fsType: string): Promise<void> {
  const known = await ctx.sys.readText('/proc/filesystems', 1 << 16);
  if (!known.split('\n').some((line) => line.split('\t')[1] === fsType)) {
    throw failure(ctx, 'KM_FILESYSTEM_UNSUPPORTED', `${fsType} is not in /proc/filesystems`);
  }
}

/**
 * Runs `mount`, which must put a file system of this type on the place, and keeps the record of what is ours
 * true at every moment: an intent before, the identity of the mount after.
 */
export async function mountAs(ctx: Context, place: Place, fsType: string, mount: () => Promise<void>): Promise<Mount> {
  const record = async (identity: Pick<OwnedMount, 'source' | 'device'>): Promise<void> => {
    const owned = await readOwnership(ctx);
    const others = owned.mounts.filter(({ path }) => path !== place.path);
    await writeOwnership(ctx, { ...owned, mounts: [...others, { path: place.path, fsType, ...identity }] });
  };
  await record({ source: null, device: null });
  await mount();
  const top = topMountAt(await readMounts(ctx), place.path);
  if (top?.fsType !== fsType) throw failure(ctx, 'KM_MOUNT_FAILED', `mount reported success, but no ${fsType} is at ${place.path}`);
  await record({ source: top.source, device: top.device });
  return top;
}
