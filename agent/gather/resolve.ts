// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Place } from '../probe/headerPlaces.js';
import { isErrno, type Sys } from '../sys.js';

/** As many as the kernel follows (MAXSYMLINKS, include/linux/namei.h). */
const MAX_LINKS = 40;

/** Where a path leads. */
export interface Resolved {
  /** Below the same root, without links; with `found` false: the first name that is not there, and what follows it. */
  readonly path: string;
  readonly found: boolean;
  /** The first link on the way that leads nowhere, and what it says; undefined: each leads somewhere. */
  readonly dangling: { readonly path: string; readonly target: string } | undefined;
}

/**
 * Follows a path as if `root` were `/`: what an absolute link of a host means when that host is seen below a folder.
 * What may not be read counts as not there.
 */
export async function resolveBelow(sys: Sys, { root, path: file }: Place): Promise<Resolved> {
  const pending = file.split('/');
  let at = '/';
  let dangling: Resolved['dangling'];
  /** Links whose targets are being followed, with how many names of the path come after the target. */
  const open: { readonly link: NonNullable<Resolved['dangling']>; readonly rest: number }[] = [];
  const close = async (): Promise<void> => {
    while (open.length > 0 && pending.length <= open.at(-1)!.rest) {
      const { link } = open.pop()!;
      if ((await statIfThere(sys, root + at)) === undefined) dangling = link;
    }
  };
  for (let links = 0; pending.length > 0; await close()) {
    const name = pending.shift() ?? '';
    if (name === '' || name === '.') continue;
    const next = path.join(at, name);
    const target = name === '..' ? undefined : await readLink(sys, root + next);
    if (target === undefined) {
      at = next;
      continue;
    }
    const link = { path: root + next, target };
    links += 1;
    if (links > MAX_LINKS) return { path: next, found: false, dangling: link };
    if (target.startsWith('/')) at = '/';
    open.push({ link, rest: pending.length });
    pending.unshift(...target.split('/'));
  }
  return { path: at, found: (await statIfThere(sys, root + at)) !== undefined, dangling };
}

async function readLink(sys: Sys, file: string): Promise<string | undefined> {
  try {
    return await sys.readLink(file);
  } catch (error) {
    // EINVAL: no link. The others: nothing there, or not for this user, which stat tells too.
    if (isErrno(error, 'EINVAL', 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'UNKNOWN')) return undefined;
    throw error;
  }
}

async function statIfThere(sys: Sys, file: string): Promise<unknown> {
  try {
    return await sys.stat(file);
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM', 'ELOOP')) return undefined;
    throw error;
  }
}
