// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Fact, no, yes } from '../probe/fact.js';
import { parseKconfig } from '../probe/kconfig.js';
import { kernelCompiler, type KernelCompiler } from '../probe/kernelCompiler.js';
import type { Sys } from '../sys.js';
import { readFirst, readIfThere, type TextFile } from './files.js';

/** A folder to build kernel modules in, if there is one for this very release. */
export interface HeaderTree {
  readonly fact: Fact;
  /** undefined: there is none. So are the others then. */
  readonly folder: string | undefined;
  /** What built the kernel. */
  readonly compiler: KernelCompiler | undefined;
  readonly uioHeader: TextFile | undefined;
  readonly moduleSymvers: string | undefined;
}

const MAX_HEADER_BYTES = 1 << 20;
const MAX_CONFIG_BYTES = 4 << 20;

/** Where distributions put the header tree of a release, in the order worth trying. */
const places = (release: string): readonly string[] => [`/lib/modules/${release}/build`, `/lib/modules/${release}/source`, `/usr/src/linux-headers-${release}`, `/usr/src/kernels/${release}`];

export async function findHeaderTree(sys: Sys, release: string): Promise<HeaderTree> {
  const unfit: string[] = [];
  for (const folder of ['', '/host'].flatMap((root) => places(release).map((place) => root + place))) {
    const makefile = await readIfThere(() => sys.stat(path.join(folder, 'Makefile')));
    if (makefile?.kind !== 'file') continue;
    const built = await releaseOf(sys, folder);
    if (built === release) return await describe(sys, folder);
    unfit.push(built === undefined ? `${folder} is not prepared for building modules` : `${folder} is for ${built}, not for ${release}`);
  }
  const nowhere = `none of ${places(release).join(', ')} holds a Makefile`;
  return { fact: no(unfit.length === 0 ? nowhere : unfit.join('; ')), folder: undefined, compiler: undefined, uioHeader: undefined, moduleSymvers: undefined };
}

/**
 * The release that modules built in this folder are for. Not from include/config/kernel.release, where Debian's 5.10 and
 * 6.1 have the upstream version.
 */
async function releaseOf(sys: Sys, folder: string): Promise<string | undefined> {
  const header = await readFirst(sys, [path.join(folder, 'include/generated/utsrelease.h')], MAX_HEADER_BYTES);
  return /^#define UTS_RELEASE "([^"]*)"/m.exec(header?.text ?? '')?.[1];
}

async function describe(sys: Sys, folder: string): Promise<HeaderTree> {
  const symvers = path.join(folder, 'Module.symvers');
  const config = await readFirst(sys, [path.join(folder, 'include/config/auto.conf')], MAX_CONFIG_BYTES);
  return {
    fact: yes(`kernel headers at ${folder}`),
    folder,
    compiler: kernelCompiler(parseKconfig(config?.text ?? '')),
    uioHeader: await readFirst(sys, [path.join(folder, 'include/linux/uio.h')], MAX_HEADER_BYTES),
    moduleSymvers: (await readIfThere(() => sys.stat(symvers)))?.kind === 'file' ? symvers : undefined,
  };
}
