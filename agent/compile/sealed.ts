// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { z } from 'zod';
import { type Context, failure } from '../context.js';

/** Digest of the file, written last: what a power loss or a hand has damaged is compiled anew. */
const SEAL = 'sealed.json';
const MAX_SEAL_BYTES = 4096;

const seal = z.object({ sha256: z.string() });

/** A compiled file in a folder of its own, which is there as a whole or not at all. */
export interface Product {
  readonly folder: string;
  readonly file: string;
}

export const productFile = ({ folder, file }: Product): string => path.join(folder, file);

/** Whether the product is there and is what was compiled. */
export async function isSealed({ sys }: Context, product: Product): Promise<boolean> {
  try {
    const { sha256 } = seal.parse(JSON.parse(await sys.readText(path.join(product.folder, SEAL), MAX_SEAL_BYTES)));
    return sha256 === (await sys.sha256(productFile(product)));
  } catch {
    // Whatever is wrong with it, the remedy is the same: compile.
    return false;
  }
}

/** Where `makeSealed` has a product compiled. */
export const partialFolder = (product: Product): string => `${product.folder}.partial`;

/**
 * Has a product compiled into a folder beside the final one, seals and renames it.
 *
 * @param compile leaves `product.file` in `partialFolder(product)`; throws when it cannot
 * @throws KM_STATE_DIR, and what `compile` throws
 */
export async function makeSealed(ctx: Context, product: Product, compile: () => Promise<void>): Promise<void> {
  const { sys } = ctx;
  const partial = partialFolder(product);
  await inState(ctx, () => sys.removeTree(partial));
  try {
    await compile();
    await inState(ctx, async () => {
      const file = path.join(partial, product.file);
      await sys.sync(file);
      await sys.writeFileAtomically(path.join(partial, SEAL), JSON.stringify({ sha256: await sys.sha256(file) }));
      await sys.removeTree(product.folder);
      await sys.rename(partial, product.folder);
    });
  } finally {
    await sys.removeTree(partial);
  }
}

/** Does work in the state folder. @throws KM_STATE_DIR */
export async function inState<T>(ctx: Context, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(ctx, 'KM_STATE_DIR', `the build cannot be kept: ${(error as Error).message}`, { cause: error });
  }
}
