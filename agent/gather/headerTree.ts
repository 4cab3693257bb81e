// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Fact, no, yes } from '../probe/fact.js';
import type { Sys } from '../sys.js';
import { readFirst, readIfThere, type TextFile } from './files.js';

/** A folder to build kernel modules in, if there is one. */
export interface HeaderTree {
  readonly fact: Fact;
  readonly uioHeader: TextFile | undefined;
  readonly moduleSymvers: string | undefined;
}

const MAX_HEADER_BYTES = 1 << 20;

/** Where distributions put the header tree of a release, in the order worth trying. */
const places = (release: string): readonly string[] => [`/lib/modules/${release}/build`, `/lib/modules/${release}/source`, `/usr/src/linux-headers-${release}`, `/usr/src/kernels/${release}`];

export async function findHeaderTree(sys: Sys, release: string): Promise<HeaderTree> {
  const candidates = ['', '/host'].flatMap((root) => places(release).map((place) => root + place));
  for (const folder of candidates) {
    const makefile = await readIfThere(() => sys.stat(path.join(folder, 'Makefile')));
    if (makefile?.kind !== 'file') continue;
    const symvers = path.join(folder, 'Module.symvers');
    return {
      fact: yes(`kernel headers at ${folder}`),
      uioHeader: await readFirst(sys, [path.join(folder, 'include/linux/uio.h')], MAX_HEADER_BYTES),
      moduleSymvers: (await readIfThere(() => sys.stat(symvers)))?.kind === 'file' ? symvers : undefined,
    };
  }
  return { fact: no(`none of ${places(release).join(', ')} holds a Makefile`), uioHeader: undefined, moduleSymvers: undefined };
}
