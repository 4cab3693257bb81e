// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, failure } from '../context.js';
import { PLUGIN } from '../probe/cniConfig.js';
import { isErrno } from '../sys.js';
import { ownProgram } from './places.js';

const MAX_BYTES = 32 << 20;
/** In every build of ours (cni/main.c), and in no program of others. */
const MARK = Buffer.from('kmesh-cni of the Kmesh node agent');

const isOurs = (program: Uint8Array): boolean => Buffer.from(program).includes(MARK);

/** undefined: there is nothing. */
async function read(ctx: Context, file: string): Promise<Uint8Array | undefined> {
  try {
    return await ctx.sys.readBytes(file, MAX_BYTES);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw failure(ctx, 'KM_CNI_PLUGIN', `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Our plugin, as it is in the install folder. @throws KM_CNI_PLUGIN */
export async function readOwnProgram(ctx: Context): Promise<Uint8Array> {
  const file = ownProgram(ctx);
  const bytes = await read(ctx, file);
  if (bytes === undefined) throw failure(ctx, 'KM_CNI_PLUGIN', `there is no ${file}`);
  if (!isOurs(bytes)) throw failure(ctx, 'KM_CNI_PLUGIN', `${file} is not what was built: it is damaged, or another program`);
  return bytes;
}

/**
 * @returns whether the program in the folder is ours: the very one, one of another version or that cannot be run, or none at all
 * @throws KM_CNI_PLUGIN another program has the name
 */
export async function installedProgram(ctx: Context, binDir: string, wanted: Uint8Array): Promise<'same' | 'other' | 'none'> {
  const file = path.join(binDir, PLUGIN);
  const there = await read(ctx, file);
  if (there === undefined) return 'none';
  if (!isOurs(there)) throw failure(ctx, 'KM_CNI_PLUGIN', `${file} is a program of that name which is not the agent's`);
  const { mode = 0o755 } = (await ctx.sys.stat(file)) ?? {};
  return Buffer.from(there).equals(wanted) && (mode & 0o111) !== 0 ? 'same' : 'other';
}

/** Whether a program of ours is in the folder; one that cannot be read is taken for it. */
export async function isInstalled(ctx: Context, binDir: string): Promise<boolean> {
  const there = await read(ctx, path.join(binDir, PLUGIN)).catch(() => MARK);
  return there !== undefined && isOurs(there);
}

/**
 * Sees to our plugin in the runtime's folder. By rename: one that runs is not written to.
 *
 * @returns whether it was copied
 * @throws KM_CNI_PLUGIN, KM_CNI_WRITE
 */
export async function installProgram(ctx: Context, binDir: string): Promise<boolean> {
  const wanted = await readOwnProgram(ctx);
  if ((await installedProgram(ctx, binDir, wanted)) === 'same') return false;
  const file = path.join(binDir, PLUGIN);
  await ctx.sys.replaceFile(file, wanted, { as: 0o755 }).catch((error: unknown) => {
    throw failure(ctx, 'KM_CNI_WRITE', `${file} cannot be written: ${(error as Error).message}`, { cause: error });
  });
  return true;
}

/** Removes our plugin from the runtime's folder; another program of that name stays. @returns whether it was there @throws KM_CNI_WRITE, KM_CNI_PLUGIN */
export async function removeProgram(ctx: Context, binDir: string): Promise<boolean> {
  const file = path.join(binDir, PLUGIN);
  // A second look, since what vanishes for a moment would stay for good.
  const looks = [await read(ctx, file), await read(ctx, file)];
  if (!looks.some((bytes) => bytes !== undefined && isOurs(bytes))) return false;
  await ctx.sys.removeTree(file).catch((error: unknown) => {
    throw failure(ctx, 'KM_CNI_WRITE', `${file} cannot be removed: ${(error as Error).message}`, { cause: error });
  });
  return true;
}
