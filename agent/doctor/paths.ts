// SPDX-License-Identifier: Apache-2.0

export interface Link {
  readonly path: string;
  readonly target: string;
}

export interface Resolved {
  /** Absolute, without links as far as there is anything. */
  readonly path: string;
  /** Links on the way, each by its own path without links. */
  readonly links: readonly Link[];
}

/** As many as the kernel follows (MAXSYMLINKS, include/linux/namei.h). */
const MAX_LINKS = 40;

/**
 * Follows symbolic links as a process would that has `readLink`'s root as its own: absolute ones begin there, and `..`
 * never leads out of it.
 *
 * @param readLink target of a link; undefined: there is none at this path
 * @param followLast whether the last part of the path is followed, too
 * @throws ELOOP
 */
export async function resolve(readLink: (path: string) => Promise<string | undefined>, path: string, followLast = true): Promise<Resolved> {
  const done: string[] = [];
  const links: Link[] = [];
  let rest = words(path);
  while (rest.length > 0) {
    const [name = '', ...after] = rest;
    rest = after;
    if (name === '..') {
      done.pop();
      continue;
    }
    const here = `/${[...done, name].join('/')}`;
    const target = rest.length === 0 && !followLast ? undefined : await readLink(here);
    if (target === undefined) {
      done.push(name);
      continue;
    }
    links.push({ path: here, target });
    if (links.length > MAX_LINKS) throw Object.assign(new Error(`too many symbolic links: ${path}`), { code: 'ELOOP', path });
    if (target.startsWith('/')) done.length = 0;
    rest = [...words(target), ...rest];
  }
  return { path: `/${done.join('/')}`, links };
}

const words = (path: string): string[] => path.split('/').filter((word) => word !== '' && word !== '.');
