// SPDX-License-Identifier: Apache-2.0

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
