// SPDX-License-Identifier: Apache-2.0
/** Builds a kernel module outside of its virtual machine, with the headers and the compiler of its kernel. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Kernel } from './kernels.js';
import { temporaryFolder } from './temporaryFolder.js';

/** What is built, and from what. */
export interface ModuleSources {
  readonly folder: string;
  /** Variables for make. A value that is a folder is copied too: the build sees nothing else of this machine. */
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * Builds a copy of the sources, which stay untouched.
 *
 * @param output where the module goes.
 * @returns make's output.
 * @throws with make's output.
 */
export function buildModule(kernel: Kernel, sources: ModuleSources, output: string): string {
  const { folder, remove } = temporaryFolder();
  try {
    const copy = path.join(folder, 'sources');
    fs.cpSync(sources.folder, copy, { recursive: true });
    // Under this name the build sees the folder: as it is, or as what it changes its root to has it.
    const seen = kernel.buildRoot === undefined ? folder : '/module';
    const words = Object.entries(sources.variables ?? {}).map(([name, value]) => {
      if (!fs.existsSync(value)) return `${name}=${value}`;
      fs.cpSync(value, path.join(folder, name), { recursive: true });
      return `${name}=${path.join(seen, name)}`;
    });
    const result = make(kernel, folder, [`M=${path.join(seen, 'sources')}`, ...words]);
    if (result.status !== 0) throw new Error(`the module does not build for ${kernel.release}:\n${result.output}`);
    const modules = fs.readdirSync(copy).filter((name) => name.endsWith('.ko'));
    if (modules.length !== 1) throw new Error(`make left ${modules.length} modules in ${sources.folder}: ${modules.join(' ')}\n${result.output}`);
    fs.copyFileSync(path.join(copy, modules[0]!), output);
    return result.output;
  } finally {
    remove();
  }
}

function make({ buildRoot, kernelDir, release }: Kernel, folder: string, variables: readonly string[]): { readonly status: number | null; readonly output: string } {
  const common = [`-j${os.availableParallelism()}`, '--no-print-directory', ...variables, 'modules'];
  // The mounts are in a namespace of their own and end with it. objtool of 7.x looks into /proc.
  const inRoot = 'set -e; root=$1; folder=$2; shift 2; mount -t proc proc "$root/proc"; mount --bind /dev "$root/dev"; mount --bind "$folder" "$root/module"; exec chroot "$root" "$@"';
  const argv =
    buildRoot === undefined
      ? ['make', '-C', kernelDir, ...common]
      : ['unshare', '--mount', 'sh', '-c', inRoot, 'sh', buildRoot, folder, 'make', '-C', `/usr/src/linux-headers-${release}`, ...common];
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
  const result = spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
  return { status: result.status, output: `${result.error?.message ?? ''}${result.stdout}${result.stderr}` };
}
