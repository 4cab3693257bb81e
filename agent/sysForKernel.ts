// SPDX-License-Identifier: Apache-2.0
import { aroundLooks } from './doctor/watch.js';
import type { Sys } from './sys.js';

/** Where the running kernel tells of itself and of its rules. Limits on memory and CPU stay: what is made, is made here. */
const OF_THE_RUNNING_KERNEL = ['/proc/config.gz', '/proc/modules', '/proc/net', '/proc/sys', '/sys/kernel', '/sys/module'];

/** This machine as the place to build for a kernel that does not run here: what the running kernel says of itself is not there. */
export function sysForKernel(base: Sys, release: string): Sys {
  const hidden = (file: string): boolean => OF_THE_RUNNING_KERNEL.some((place) => file === place || file.startsWith(`${place}/`));
  const sys = aroundLooks(base, async (name, file, look) => {
    if (!hidden(file)) return look();
    // stat() answers for what is not there, the others throw.
    if (name === 'stat') return undefined as never;
    throw Object.assign(new Error(`ENOENT: ${file} tells of the running kernel, not of ${release}`), { code: 'ENOENT', path: file });
  });
  return { ...sys, kernelRelease: release };
}
