// SPDX-License-Identifier: Apache-2.0
/** Cgroups with a limit of memory, in whichever hierarchy of this machine has the controller. */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sys } from '../../agent/sys.js';
import { mountsOfType, parseMountinfo } from '../../agent/probe/mountinfo.js';

const mounts = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
const v1 = mountsOfType(mounts, 'cgroup').find(({ superOptions }) => superOptions.includes('memory'))?.mountPoint;
const v2 = mountsOfType(mounts, 'cgroup2').find(({ mountPoint }) => readFileSync(path.join(mountPoint, 'cgroup.controllers'), 'utf8').includes('memory'))?.mountPoint;
const hierarchy = v1 ?? v2;

export const hasMemoryCgroups = hierarchy !== undefined;

/** Of a cgroup: the most that it ever held, in bytes. */
export const PEAK_FILE = v1 === undefined ? 'memory.peak' : 'memory.max_usage_in_bytes';

/** A new cgroup; whatever is left in it when the test ends is killed. @returns its folder */
export function limitedMemory(t: { teardown(work: () => unknown): void }, bytes: number): string {
  const folder = path.join(hierarchy!, `kmesh-test-memory-${process.pid}`);
  mkdirSync(folder);
  t.teardown(() => removeEmptied(folder));
  writeFileSync(path.join(folder, v1 === undefined ? 'memory.max' : 'memory.limit_in_bytes'), String(bytes));
  return folder;
}

/** A process that was killed leaves its cgroup a moment later. */
async function removeEmptied(folder: string): Promise<void> {
  for (;;) {
    for (const pid of readFileSync(path.join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    try {
      return rmdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    }
    await sys.sleep(10);
  }
}

/** Moves this process into a cgroup while `work` runs. */
export function within<T>(cgroup: string, work: () => T): T {
  writeFileSync(path.join(cgroup, 'cgroup.procs'), String(process.pid));
  try {
    return work();
  } finally {
    writeFileSync(path.join(path.dirname(cgroup), 'cgroup.procs'), String(process.pid));
  }
}
