// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Context } from '../context.js';
import { type Mount, mountsOfType, topMountAt } from '../probe/mountinfo.js';
import { isErrno } from '../sys.js';
import { readMounts } from './mountTable.js';

const HOST_INIT = '/host/proc/1';

/** Inode of the initial cgroup namespace (PROC_CGROUP_INIT_INO, include/linux/proc_ns.h). */
const INITIAL_NAMESPACE = 'cgroup:[4026531835]';

/**
 * Whether a folder is the root of the cgroup2 hierarchy. mountinfo cannot tell: in a cgroup namespace of its
 * own a process sees its own part as `/`. The true root is the only cgroup without the file cgroup.type
 * (Documentation/admin-guide/cgroup-v2.rst, "exists on non-root cgroups").
 */
export async function isHierarchyRoot({ sys }: Context, folder: string): Promise<boolean> {
  const [controllers, type] = await Promise.all([sys.stat(path.join(folder, 'cgroup.controllers')), sys.stat(path.join(folder, 'cgroup.type'))]);
  return controllers !== undefined && type === undefined;
}

/** A visible cgroup2 mount that shows the whole hierarchy, or undefined. */
export async function visibleRoot(ctx: Context, mounts: readonly Mount[]): Promise<Mount | undefined> {
  for (const mount of mountsOfType(mounts, 'cgroup2')) {
    const hidden = topMountAt(mounts, mount.mountPoint)?.id !== mount.id;
    if (!hidden && (await isHierarchyRoot(ctx, mount.mountPoint))) return mount;
  }
  return undefined;
}

/**
 * The options of the one cgroup2 hierarchy there is, from the agent's own mounts or those of the host's first
 * process; undefined: it is mounted nowhere that can be seen.
 */
export async function hierarchyOptions(ctx: Context): Promise<readonly string[] | undefined> {
  const own = mountsOfType(await readMounts(ctx), 'cgroup2')[0];
  if (own !== undefined) return [...own.superOptions].sort();
  const table = `${HOST_INIT}/mountinfo`;
  const readable = (await ctx.sys.stat(table)) !== undefined;
  const host = readable ? mountsOfType(await readMounts(ctx, table), 'cgroup2')[0] : undefined;
  return host === undefined ? undefined : [...host.superOptions].sort();
}

/** The host's cgroup namespace, when the agent is in another one and can enter it; else undefined. */
export async function hostNamespace({ sys }: Context): Promise<string | undefined> {
  if ((await sys.readLink('/proc/self/ns/cgroup')) === INITIAL_NAMESPACE) return undefined;
  const file = `${HOST_INIT}/ns/cgroup`;
  try {
    return (await sys.readLink(file)) === INITIAL_NAMESPACE ? file : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}
