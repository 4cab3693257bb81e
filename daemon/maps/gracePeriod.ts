// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi, { type LibraryHandle } from 'koffi';

/** Number of membarrier(2) by process.arch (asm/unistd.h). */
const SYS_MEMBARRIER: Readonly<Record<string, number>> = { x64: 324, arm64: 283 };

/** Commands of include/uapi/linux/membarrier.h. */
const MEMBARRIER_CMD_QUERY = 0;
const MEMBARRIER_CMD_GLOBAL = 1;

/** Where no grace period can be asked for: a thousand times longer than a program runs. */
const FALLBACK_MS = 1000;

let libcSyscall: ReturnType<LibraryHandle['func']> | undefined;

/**
 * Resolves when every program run that had begun before has ended. membarrier(MEMBARRIER_CMD_GLOBAL) waits for an
 * RCU grace period (kernel/sched/membarrier.c), within which cgroup programs run; it takes some ten milliseconds
 * in a thread of its own. The kernel does not offer it with nohz_full, and does not wait where a single CPU is
 * online, although a program can be preempted there: then a second passes instead.
 */
export async function gracePeriod(): Promise<void> {
  if (!(await waitForRcu())) await sleep(FALLBACK_MS);
}

function waitForRcu(): Promise<boolean> {
  const number = SYS_MEMBARRIER[process.arch];
  if (number === undefined || hasOneCpu()) return Promise.resolve(false);
  const syscall = (libcSyscall ??= koffi.load(null).func('long syscall(long number, long command, long flags, long cpu)'));
  const offered: number = syscall(number, MEMBARRIER_CMD_QUERY, 0, 0);
  if (offered < 0 || (offered & MEMBARRIER_CMD_GLOBAL) === 0) return Promise.resolve(false);
  return new Promise((resolve) => {
    syscall.async(number, MEMBARRIER_CMD_GLOBAL, 0, 0, (error: Error | null, result: number) => resolve(error === null && result === 0));
  });
}

/** By a list such as `0` or `0-3,8` (Documentation/admin-guide/cputopology.rst); os.cpus() reads much more, of each of them. Where nobody knows, it may be one. */
function hasOneCpu(): boolean {
  try {
    return /^\d+$/.test(fs.readFileSync('/sys/devices/system/cpu/online', 'utf8').trim());
  } catch {
    return true;
  }
}
