// SPDX-License-Identifier: Apache-2.0
/** A kernel with KASAN, lockdep, kmemleak, UBSAN and object debugging, built by the script that is shared beside the clone. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { CACHE } from './cache.js';
import type { Kernel } from './kernels.js';
import { ROOT } from './paths.js';

const BUILD = path.join(ROOT, '../shared/tools/debug-kernel/build.sh');
const PLACE = path.join(CACHE, 'debug');

/** The script writes these last. */
const isBuilt = (): boolean => ['bzImage', 'config', 'build/include/config/kernel.release'].every((name) => fs.existsSync(path.join(PLACE, name)));

export function debugKernel(): Kernel {
  if (!isBuilt()) build();
  const kernelDir = path.join(PLACE, 'build');
  const release = fs.readFileSync(path.join(kernelDir, 'include/config/kernel.release'), 'utf8').trim();
  return { name: 'debug', release, vmlinuz: path.join(PLACE, 'bzImage'), kernelDir };
}

/** Why there is no debug kernel here; undefined when there is, or can be, one. */
export function debugKernelIsOutOfReach(): string | undefined {
  return isBuilt() || fs.existsSync(BUILD) ? undefined : 'it is built by ../shared/tools/debug-kernel, which is not beside this clone';
}

function build(): void {
  process.stderr.write('vm: building the debug kernel, about 10 minutes\n');
  fs.mkdirSync(PLACE, { recursive: true });
  // The lock keeps a second run from building in the same folder; it waits and then finds the result.
  const script = '[ -e "$2/bzImage" ] && [ -e "$2/config" ] || exec bash "$1" "$2"';
  const result = spawnSync('flock', [path.join(PLACE, 'lock'), 'sh', '-c', script, 'sh', BUILD, PLACE], { stdio: ['ignore', 2, 2] });
  if (result.status !== 0 || !isBuilt()) throw new Error(`${BUILD} failed (${result.signal ?? `exit ${result.status}`})`);
}
