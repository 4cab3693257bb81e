// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Sys } from '../sys.js';

/** bpf/ and kernel/ have a few dozen files each; a tree much larger than that is neither. */
const MAX_FILES = 1000;

/** Headers outside of the project that the programs include; what they say ends up in the object. */
export const SYSTEM_HEADERS = ['/usr/include/linux/bpf.h', '/usr/include/bpf/bpf_helpers.h', '/usr/include/bpf/bpf_helper_defs.h', '/usr/include/bpf/bpf_endian.h'];

/** What kbuild leaves beside its sources where somebody built by hand. */
const KBUILD_PRODUCT = /^\.|\.(?:o|a|ko|mod|mod\.c|order|symvers)$/;

export interface SourceFile {
  readonly path: string;
  readonly sha256: string;
}

/** Digests of what is compiled: sources below `folders` of the install folder, and those of `headers` that are there. */
export async function digestSources(sys: Sys, root: string, folders: readonly string[], headers: readonly string[] = []): Promise<readonly SourceFile[]> {
  const files: string[] = [];
  for (const folder of folders) files.push(...(await listSources(sys, path.join(root, folder))).map((file) => path.join(folder, file)));
  for (const header of headers) {
    if ((await sys.stat(header))?.kind === 'file') files.push(header);
  }
  return Promise.all(files.map(async (file) => ({ path: file, sha256: await sys.sha256(path.resolve(root, file)) })));
}

/** Whether the install folder has such sources. */
export async function hasSources(sys: Sys, root: string, folder: string): Promise<boolean> {
  return (await sys.stat(path.join(root, folder, 'Makefile')))?.kind === 'file';
}

/** Every source below a folder, relative to it. */
export async function listSources(sys: Sys, folder: string, below = ''): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await sys.list(path.join(folder, below))) {
    if (KBUILD_PRODUCT.test(name)) continue;
    const file = path.join(below, name);
    const kind = (await sys.stat(path.join(folder, file)))?.kind;
    if (kind === 'directory') found.push(...(await listSources(sys, folder, file)));
    else if (kind === 'file') found.push(file);
    if (found.length > MAX_FILES) throw new Error(`${folder} has more than ${MAX_FILES} sources; is it the right folder?`);
  }
  return found;
}
