// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, failure } from '../context.js';
import { type FolderContents, isOfInterest, type Operation } from '../probe/cniFolder.js';
import { isErrno } from '../sys.js';

/** What libcni's users read is a few kB. */
const MAX_BYTES = 1 << 20;

/** Bytes and text: each byte is the character of its number, so that none of them is lost. */
const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** @returns undefined: there is no such folder @throws KM_CNI_FOLDER */
export async function readFolder(ctx: Context, folder: string): Promise<FolderContents | undefined> {
  try {
    const names = await ctx.sys.list(folder);
    const files = new Map<string, string | undefined>();
    for (const name of names.filter(isOfInterest)) {
      const found = await readFile(ctx, path.join(folder, name));
      if (found !== 'gone') files.set(name, found?.text);
    }
    return { files, names };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw failure(ctx, 'KM_CNI_FOLDER', `${folder} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** undefined: it cannot be read here, whatever the runtime sees: a link that leads out of what is mapped, a failing disk. */
async function readFile({ sys }: Context, file: string): Promise<{ readonly text: string } | 'gone' | undefined> {
  try {
    const entry = await sys.stat(file);
    if (entry?.kind === 'directory') return 'gone';
    if (entry === undefined) return (await isLink(sys, file)) ? undefined : 'gone';
    return { text: Buffer.from(await sys.readBytes(file, MAX_BYTES)).toString('latin1') };
  } catch (error) {
    return isErrno(error, 'ENOENT') ? 'gone' : undefined;
  }
}

/** Whether there is a link at all, wherever it leads. */
export const isLink = (sys: Context['sys'], file: string): Promise<boolean> => sys.readLink(file).then(() => true, () => false);

/**
 * Does the operations in their order, as far as the folder is as it was when they were decided.
 *
 * @returns false: somebody else changed something meanwhile; it has to be decided anew
 * @throws KM_CNI_WRITE
 */
export async function apply(ctx: Context, folder: string, operations: readonly Operation[]): Promise<boolean> {
  for (const operation of operations) {
    try {
      if (!(await applyOne(ctx.sys, folder, operation))) return false;
    } catch (error) {
      // Removed by somebody else since it was looked at.
      if (isErrno(error, 'ENOENT')) return false;
      const name = operation.kind === 'rename' ? operation.from : operation.name;
      throw failure(ctx, 'KM_CNI_WRITE', `${path.join(folder, name)}: ${(error as Error).message}`, { cause: error });
    }
  }
  return true;
}

async function applyOne(sys: Context['sys'], folder: string, operation: Operation): Promise<boolean> {
  const at = (name: string): string => path.join(folder, name);
  if (operation.kind === 'remove') {
    await sys.removeTree(at(operation.name));
    await sys.sync(folder);
    return true;
  }
  if (operation.kind === 'write') {
    const { name, text, like, expect } = operation;
    return sys.replaceFile(at(name), bytesOf(text), { as: at(like), expect: { content: expect === undefined ? undefined : bytesOf(expect) } });
  }
  const { from, to, expect, vacant } = operation;
  if (vacant && ((await sys.stat(at(to))) !== undefined || (await isLink(sys, at(to))))) return false;
  await sys.rename(at(from), at(to));
  await sys.sync(folder);
  const moved = Buffer.from(await sys.readBytes(at(to), MAX_BYTES)).equals(bytesOf(expect));
  // Written anew in the last moment: that one is to be decided by.
  if (!moved) await sys.rename(at(to), at(from));
  return moved;
}
