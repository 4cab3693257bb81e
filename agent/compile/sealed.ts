// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import * as z from 'zod';
import { type Context, failure, need } from '../context.js';
import { KmeshError } from '../errors.js';
import { lockForBuilding } from './locks.js';

/** Digest of the file, written last: what a power loss, a disk or a hand has damaged is compiled anew. */
const SEAL = 'sealed.json';
const MAX_SEAL_BYTES = 4096;

const seal = z.object({ sha256: z.string() });

/** A compiled file in a folder of its own, which is there as a whole or not at all. */
export interface Product {
  readonly folder: string;
  readonly file: string;
}

export const productFile = ({ folder, file }: Product): string => path.join(folder, file);

/** `damage` says what is wrong with a product that is there. */
export type Condition = { readonly state: 'whole' | 'absent' } | { readonly state: 'damaged'; readonly damage: string };

/** Reads the whole product and compares it with its seal. */
export async function conditionOf({ sys }: Context, product: Product): Promise<Condition> {
  const file = productFile(product);
  try {
    if ((await sys.stat(product.folder)) === undefined) return { state: 'absent' };
    const { sha256 } = seal.parse(JSON.parse(await sys.readText(path.join(product.folder, SEAL), MAX_SEAL_BYTES)));
    const found = await sys.sha256(file);
    return found === sha256 ? { state: 'whole' } : { state: 'damaged', damage: `${file} is damaged: its digest is ${found.slice(0, 12)}, it was sealed as ${sha256.slice(0, 12)}` };
  } catch (error) {
    // Whatever is wrong with it, the remedy is the same: compile.
    const why = error instanceof z.ZodError || error instanceof SyntaxError ? 'its seal is no seal' : (error as Error).message;
    return { state: 'damaged', damage: `${file} is damaged: ${why}` };
  }
}

export const isWhole = async (ctx: Context, product: Product): Promise<boolean> => (await conditionOf(ctx, product)).state === 'whole';

/** Names of folders and files that somebody did not finish. */
export const PARTIAL = /\.partial(-[0-9a-f]+)?$/;

/**
 * Sees to a product that is whole: one that is there, or one that another agent is making now, or else a new one.
 *
 * @param make leaves `product.file` in the folder that it is given, which it has to make; throws when it cannot
 * @returns whether it was made by this call
 * @throws KM_STATE_DIR, and what `make` throws
 */
export async function provide(ctx: Context, product: Product, make: (partial: string) => Promise<void>): Promise<boolean> {
  const found = await conditionOf(ctx, product);
  if (found.state === 'whole') return false;
  const lock = await inState(ctx, async () => {
    await ctx.sys.makeFolders(path.dirname(product.folder));
    return lockForBuilding(ctx, path.dirname(product.folder));
  });
  try {
    const now = await conditionOf(ctx, product);
    if (now.state === 'whole') {
      ctx.log.info(`${productFile(product)} was made by another agent meanwhile`);
      return false;
    }
    if (now.state === 'damaged') ctx.log.warn(`${now.damage}; it is made anew`);
    await removeUnfinished(ctx, product);
    await makeSealed(ctx, product, make);
    return true;
  } finally {
    lock.release();
  }
}

async function makeSealed(ctx: Context, product: Product, make: (partial: string) => Promise<void>): Promise<void> {
  const { sys } = ctx;
  const [partial, replaced] = [partialName(ctx, product), partialName(ctx, product)];
  try {
    await make(partial);
    await inState(ctx, async () => {
      const file = path.join(partial, product.file);
      await sys.sync(file);
      await sys.writeFileAtomically(path.join(partial, SEAL), JSON.stringify({ sha256: await sys.sha256(file) }));
      if ((await sys.stat(product.folder)) !== undefined) await sys.rename(product.folder, replaced);
      await sys.rename(partial, product.folder);
      // Both were on the disk before the rename; now the rename is.
      await sys.sync(path.dirname(product.folder));
    });
  } finally {
    for (const folder of [partial, replaced]) await discard(ctx, folder);
  }
}

/** In hexadecimal: agents in other pid namespaces share the folder, so that a pid would not do. */
const partialName = ({ sys }: Context, { folder }: Product): string => `${folder}.partial-${Math.floor(sys.random() * 2 ** 48).toString(16)}`;

/** Called under the build lock: whoever began these is dead. */
async function removeUnfinished(ctx: Context, product: Product): Promise<void> {
  const folder = path.dirname(product.folder);
  const names = await inState(ctx, () => ctx.sys.list(folder));
  for (const name of names.filter((one) => PARTIAL.test(one) && one.startsWith(path.basename(product.folder)))) {
    const limit = need(ctx, 'kernel').memoryLimitBytes;
    const memory = limit === undefined ? '' : `; running out of the memory limit of ${Math.round(limit / 2 ** 20)} MiB looks like this where the whole container is killed (memory.oom.group)`;
    ctx.log.warn(`an agent was ended while it made ${productFile(product)}${memory}`);
    await inState(ctx, () => ctx.sys.removeTree(path.join(folder, name)));
  }
}

/** A rest that cannot be removed does no harm: the next build sweeps it. It must not hide why there is one. */
export async function discard(ctx: Context, target: string): Promise<void> {
  await ctx.sys.removeTree(target).catch((error: unknown) => ctx.log.warn(`${target} cannot be removed: ${(error as Error).message}`));
}

/** Does work in the state folder. @throws KM_STATE_DIR */
export async function inState<T>(ctx: Context, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KmeshError) throw error;
    throw failure(ctx, 'KM_STATE_DIR', `the build cannot be kept: ${(error as Error).message}`, { cause: error });
  }
}

/** Writes a file that was made elsewhere, and the folder for it. */
export async function placeFile(ctx: Context, file: string, bytes: Uint8Array): Promise<void> {
  await inState(ctx, async () => {
    await ctx.sys.makeFolders(path.dirname(file));
    await ctx.sys.writeFileAtomically(file, bytes);
  });
}
