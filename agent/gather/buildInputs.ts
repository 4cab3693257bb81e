// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Sys } from '../sys.js';

/** The folder bpf/ has a few dozen files; a tree much larger than that is not it. */
const MAX_FILES = 1000;

/** Headers outside of the project that the programs include; what they say ends up in the object. */
const SYSTEM_HEADERS = ['/usr/include/linux/bpf.h', '/usr/include/bpf/bpf_helpers.h', '/usr/include/bpf/bpf_helper_defs.h', '/usr/include/bpf/bpf_endian.h'];

export interface SourceFile {
  readonly path: string;
  readonly sha256: string;
}

/** Digests of every source below `folder` and of the system's headers; undefined: there are no sources. */
export async function digestSources(sys: Sys, folder: string): Promise<readonly SourceFile[] | undefined> {
  if ((await sys.stat(path.join(folder, 'Makefile')))?.kind !== 'file') return undefined;
  const files = (await walk(sys, folder, '')).map((file) => ({ name: file, path: path.join(folder, file) }));
  for (const header of SYSTEM_HEADERS) {
    if ((await sys.stat(header))?.kind === 'file') files.push({ name: header, path: header });
  }
  return Promise.all(files.map(async (file) => ({ path: file.name, sha256: await sys.sha256(file.path) })));
}

async function walk(sys: Sys, folder: string, below: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await sys.list(path.join(folder, below))) {
    const file = path.join(below, name);
    const kind = (await sys.stat(path.join(folder, file)))?.kind;
    if (kind === 'directory') found.push(...(await walk(sys, folder, file)));
    else if (kind === 'file' && (/\.[ch]$/.test(name) || name === 'Makefile')) found.push(file);
    if (found.length > MAX_FILES) throw new Error(`${folder} has more than ${MAX_FILES} sources; is it the right folder?`);
  }
  return found;
}
