// SPDX-License-Identifier: Apache-2.0

/**
 * Pid of the process that holds an exclusive flock(2) lock, out of /proc/locks (proc_locks(5)); undefined: nobody, or a process
 * that this pid namespace does not show.
 *
 * @param device st_dev
 */
export function flockHolder(procLocks: string, device: bigint, inode: bigint): number | undefined {
  // As gnu_dev_major() and gnu_dev_minor() of glibc take it apart.
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  for (const line of procLocks.split('\n')) {
    const [, pid, ...place] = /^\d+: FLOCK +ADVISORY +WRITE (\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line) ?? [];
    const [lockMajor = '', lockMinor = '', lockInode = ''] = place;
    if (pid !== undefined && Number(pid) > 0 && BigInt(`0x${lockMajor}`) === major && BigInt(`0x${lockMinor}`) === minor && BigInt(lockInode) === inode) return Number(pid);
  }
  return undefined;
}
