// SPDX-License-Identifier: Apache-2.0

/** What one clang needs at most for the eBPF programs; measured 90 MiB, with room to grow. */
export const BPF_BYTES_PER_JOB = 160 * 2 ** 20;
/** What one gcc needs at most for kmesh.ko; with the page cache a cgroup's peak was 123 MiB with one job and 214 with two, on Debian's 6.1. */
export const MODULE_BYTES_PER_JOB = 160 * 2 ** 20;

/** What the own cgroup allows a build. */
export interface Room {
  readonly cpus: number;
  /** undefined: no limit. */
  readonly cpuLimit: number | undefined;
  readonly memoryLimitBytes: number | undefined;
}

/** Jobs for make: no more than the CPUs and the memory carry, and at least one. */
export function buildJobs({ cpus, cpuLimit, memoryLimitBytes }: Room, bytesPerJob: number): number {
  const byCpu = Math.ceil(Math.min(cpus, cpuLimit ?? cpus));
  const byMemory = memoryLimitBytes === undefined ? byCpu : Math.floor(memoryLimitBytes / bytesPerJob);
  return Math.max(1, Math.min(byCpu, byMemory));
}
