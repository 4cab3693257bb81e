// SPDX-License-Identifier: Apache-2.0
/** Disks that outlive their machines, for scenarios that boot more than once. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { temporaryFolder } from './temporaryFolder.js';

/** Without checksums, which would need one more driver at boot. */
const OPTIONS = ['-q', '-F', '-t', 'ext4', '-O', '^metadata_csum,^64bit'];
const SIZE = '512m';

const made = new Map<string, string>();

/** The disk of a scenario: empty at first, the same for all kernels of this run. @returns path of its image */
export function keptDisk(scenario: string): string {
  const there = made.get(scenario);
  if (there !== undefined) return there;
  const image = path.join(temporaryFolder().folder, 'kept.ext4');
  execFileSync('mke2fs', [...OPTIONS, image, SIZE], { stdio: ['ignore', 'ignore', 2] });
  made.set(scenario, image);
  return image;
}
