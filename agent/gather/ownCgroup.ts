// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type CgroupMembership, parseCpuLimit, parseMemoryLimit, parseProcCgroup } from '../probe/cgroup.js';
import { type Mount, mountsOfType } from '../probe/mountinfo.js';
import { ProbeError } from '../probe/probeError.js';
import type { Sys } from '../sys.js';
import { readFirst, readIfThere } from './files.js';

const MAX_BYTES = 64 << 10;

/** Limits of the agent's own cgroup, of whichever version. */
export interface OwnLimits {
  readonly memoryLimitBytes: number | undefined;
  /** Where that limit is set. */
  readonly memoryLimitFile: string | undefined;
  readonly cpuLimit: number | undefined;
  /** Files that count processes killed for memory in the own cgroup. */
  readonly memoryEventFiles: readonly string[];
}

/** Reads the limits that hold for the agent: the smallest on the way from its cgroup up to the visible root. */
export async function readOwnLimits(sys: Sys, mounts: readonly Mount[]): Promise<OwnLimits> {
  const own = await readFirst(sys, ['/proc/self/cgroup'], MAX_BYTES);
  const memberships = parseProcCgroup(own?.text ?? '');
  const member = memberships.find(({ hierarchy }) => hierarchy === 0);
  const unified = folders(v2Mount(mounts, member), member);
  const v1 = (controller: string): readonly string[] => {
    const membership = memberships.find(({ controllers }) => controllers.includes(controller));
    return folders(mountsOfType(mounts, 'cgroup').find(({ superOptions }) => superOptions.includes(controller)), membership);
  };
  const [memory, cpu] = [v1('memory'), v1('cpu')];
  const memoryFiles = [...unified.map((folder) => path.join(folder, 'memory.max')), ...memory.map((folder) => path.join(folder, 'memory.limit_in_bytes'))];
  const memoryLimits = await Promise.all(memoryFiles.map((file) => limit(sys, [file], ([text = '']) => parseMemoryLimit(text))));
  const cpuLimits = await Promise.all([
    ...unified.map((folder) => limit(sys, [path.join(folder, 'cpu.max')], ([text = '']) => parseCpuLimit(text))),
    ...cpu.map((folder) => limit(sys, [path.join(folder, 'cpu.cfs_quota_us'), path.join(folder, 'cpu.cfs_period_us')], ([quota = '', period]) => parseCpuLimit(quota, period))),
  ]);
  const events = [...unified.slice(0, 1).map((folder) => path.join(folder, 'memory.events')), ...memory.slice(0, 1).map((folder) => path.join(folder, 'memory.oom_control'))];
  const memoryLimitBytes = smallest(memoryLimits);
  const memoryLimitFile = memoryLimitBytes === undefined ? undefined : memoryFiles[memoryLimits.indexOf(memoryLimitBytes)];
  return { memoryLimitBytes, memoryLimitFile, cpuLimit: smallest(cpuLimits), memoryEventFiles: events };
}

/** How many processes of the own cgroup were killed for memory so far; both versions write `oom_kill N`. */
export async function countMemoryKills(sys: Sys, files: readonly string[]): Promise<number> {
  const counts = await Promise.all(
    files.map(async (file) => {
      const text = await readIfThere(() => sys.readText(file, MAX_BYTES));
      return Number(/^oom_kill (\d+)$/m.exec(text ?? '')?.[1] ?? 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The mount that shows the own cgroup: one of the host's whole hierarchy has the root `/..` for a container, and says nothing of it. */
function v2Mount(mounts: readonly Mount[], member: CgroupMembership | undefined): Mount | undefined {
  const all = mountsOfType(mounts, 'cgroup2');
  return all.find((mount) => member !== undefined && pathBelow(mount, member) !== undefined) ?? all[0];
}

/** A cgroup's path below the root of a mount; undefined: it is not below it. */
function pathBelow(mount: Mount, { path: own }: CgroupMembership): string | undefined {
  const root = mount.root === '/' ? '' : mount.root;
  return own === root || own.startsWith(`${root}/`) ? own.slice(root.length) : undefined;
}

/** The folders of a cgroup and of those above it, as far as they can be seen below the mount. */
function folders(mount: Mount | undefined, membership: CgroupMembership | undefined): readonly string[] {
  if (mount === undefined || membership === undefined) return [];
  // In a container without a cgroup namespace the mount shows the container's part, the path the host's.
  const below = pathBelow(mount, membership) ?? '';
  const words = below.split('/').filter((word) => word !== '' && word !== '..');
  return words.map((_, index) => path.join(mount.mountPoint, ...words.slice(0, words.length - index))).concat(mount.mountPoint);
}

/** A limit that is not there (the root has none) or that cannot be understood limits nothing. */
async function limit(sys: Sys, files: readonly string[], parse: (texts: readonly string[]) => number | undefined): Promise<number | undefined> {
  const texts = await Promise.all(files.map((file) => readIfThere(() => sys.readText(file, MAX_BYTES))));
  const present = texts.filter((text) => text !== undefined);
  if (present.length !== files.length) return undefined;
  try {
    return parse(present);
  } catch (error) {
    if (error instanceof ProbeError) return undefined;
    throw error;
  }
}

function smallest(limits: readonly (number | undefined)[]): number | undefined {
  const set = limits.filter((one) => one !== undefined);
  return set.length === 0 ? undefined : Math.min(...set);
}
