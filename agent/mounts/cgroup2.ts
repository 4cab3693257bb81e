// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, failure } from '../context.js';
import { type Mount, mountsOfType } from '../probe/mountinfo.js';
import { runTool, runUndoTool, toolFailure } from '../tool.js';
import { hierarchyOptions, hostNamespace, isHierarchyRoot, visibleRoot } from './hierarchy.js';
import { readMounts } from './mountTable.js';
import { OWN_SOURCE } from './ownership.js';
import { mountAs, type Place, preparePlace, refuseForeign, requireFileSystem } from './place.js';
import type { Selection } from './release.js';

/** One way to get the hierarchy's root mounted. */
interface Way {
  readonly title: string;
  readonly command: readonly [string, ...string[]];
}

/**
 * Sees to the root of the cgroup2 hierarchy at `--cgroup2-path`, without touching the options of the hierarchy:
 * a mount from the initial cgroup namespace sets them for the whole host, so an existing mount is bound, or
 * its options are repeated, and afterwards both are proved.
 */
export async function ensureCgroup2(ctx: Context, changed: (change: Selection) => void): Promise<string> {
  await requireFileSystem(ctx, 'cgroup2');
  const place = await preparePlace(ctx, ctx.options.cgroup2Path, changed);
  await refuseUnfit(ctx, place);
  if (place.mounted !== undefined) return `cgroup2 is at ${place.path} already`;
  changed({ mounts: [place.path], folders: [] });
  const before = await hierarchyOptions(ctx);
  for (const way of await waysToMount(ctx, place, before)) {
    await mountAs(ctx, place, 'cgroup2', async () => {
      await runTool(ctx, way.command[0], way.command.slice(1)).catch((error: unknown) => {
        throw toolFailure(ctx, 'KM_MOUNT_FAILED', `cgroup2 could not be mounted at ${place.path}`, error);
      });
    });
    await proveOptions(ctx, place, before);
    if (await isHierarchyRoot(ctx, place.path)) return `cgroup2 ${way.title} at ${place.path}`;
    await runUndoTool(ctx, 'umount', ['-n', place.path]);
  }
  throw failure(ctx, 'KM_CGROUP2_NOT_ROOT', `a mount at ${place.path} shows the agent's own part of the hierarchy, not its root`);
}

/** @throws KM_MOUNT_FOREIGN, KM_CGROUP2_NOT_ROOT when what is mounted at the place cannot be used */
export async function refuseUnfit(ctx: Context, place: Place): Promise<void> {
  refuseForeign(ctx, place, 'cgroup2');
  if (place.mounted !== undefined && !(await isHierarchyRoot(ctx, place.path))) {
    throw failure(ctx, 'KM_CGROUP2_NOT_ROOT', `the cgroup2 mounted at ${place.path} is not the root of the hierarchy`);
  }
}

async function waysToMount(ctx: Context, place: Place, options: readonly string[] | undefined): Promise<readonly Way[]> {
  const root = await visibleRoot(ctx, await readMounts(ctx));
  if (root !== undefined) return [{ title: `bound from ${root.mountPoint}`, command: ['mount', '-n', '--bind', root.mountPoint, place.path] }];
  const withOptions = options === undefined ? [] : ['-o', options.join(',')];
  const mount = ['mount', '-n', '-t', 'cgroup2', ...withOptions, OWN_SOURCE, place.path] as const;
  const namespace = await hostNamespace(ctx);
  if (namespace === undefined) return [{ title: 'mounted', command: mount }];
  return [{ title: "mounted from the host's cgroup namespace", command: ['nsenter', `--cgroup=${namespace}`, ...mount] }];
}

/** @throws KM_CGROUP2_OPTIONS, after the mount was undone and the old options were set again */
async function proveOptions(ctx: Context, place: Place, before: readonly string[] | undefined): Promise<void> {
  if (before === undefined) return;
  const now = await hierarchyOptions(ctx);
  if (now?.join() === before.join()) return;
  const [was, is] = [before.join(','), now?.join(',') ?? 'none'];
  const restored = await restoreOptions(ctx, place, before);
  const outcome = restored ? 'they were set again' : `set them again by: mount -o remount,${was} /sys/fs/cgroup`;
  throw failure(ctx, 'KM_CGROUP2_OPTIONS', `mounting cgroup2 changed the options of the hierarchy from ${was} to ${is}; ${outcome}`);
}

async function restoreOptions(ctx: Context, place: Place, before: readonly string[]): Promise<boolean> {
  const onPlace = async (): Promise<Mount | undefined> => mountsOfType(await readMounts(ctx), 'cgroup2').find((mount) => mount.mountPoint === place.path);
  await runUndoTool(ctx, 'mount', ['-n', '-o', ['remount', ...before].join(','), place.path]);
  const restored = [...((await onPlace())?.superOptions ?? [])].sort().join() === before.join();
  await runUndoTool(ctx, 'umount', ['-n', place.path]);
  return restored;
}

/**
 * The folder that programs are attached to: the root of the hierarchy, or `--attach-cgroup` below it.
 * @throws KM_ATTACH_CGROUP when it is not there or leads out of the hierarchy
 */
export async function attachFolder(ctx: Context): Promise<string> {
  const { attachCgroup, cgroup2Path } = ctx.options;
  const root = await ctx.sys.realPath(cgroup2Path);
  if (attachCgroup === undefined) return root;
  const folder = path.join(root, attachCgroup);
  if (!folder.startsWith(`${root}/`)) throw failure(ctx, 'KM_ATTACH_CGROUP', `${attachCgroup} leads out of ${root}`);
  if ((await ctx.sys.stat(path.join(folder, 'cgroup.procs'))) === undefined) {
    throw failure(ctx, 'KM_ATTACH_CGROUP', `there is no cgroup ${attachCgroup} below ${root}`);
  }
  if ((await ctx.sys.realPath(folder)) !== path.normalize(folder).replace(/\/$/, '')) {
    throw failure(ctx, 'KM_ATTACH_CGROUP', `${attachCgroup} leads out of ${root} through a symbolic link`);
  }
  return folder.replace(/\/$/, '');
}
