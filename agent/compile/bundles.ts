// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Bundle, MAX_BUNDLE_BYTES, readBundle } from '../build/bundle.js';
import { type BuildIdentity, differences } from '../build/manifest.js';
import { type Context, failure } from '../context.js';
import { KmeshError } from '../errors.js';

/** More is no folder of bundles. */
const MAX_BUNDLES = 200;

/** A bundle that fits this node. */
export interface FittingBundle extends Bundle {
  readonly path: string;
}

/** Where an image has the bundles that it was built with; undefined: it has none. */
export async function ownBundles({ sys, root }: Pick<Context, 'sys' | 'root'>): Promise<string | undefined> {
  const folder = path.join(root, 'bundles');
  return (await sys.stat(folder))?.kind === 'directory' ? folder : undefined;
}

/**
 * What --bundle has for this node, or else the install folder's own bundles.
 *
 * @returns undefined: there are none; an error: it names a folder, and nothing in there fits
 * @throws KM_BUNDLE_FILE, KM_BUNDLE_UNFIT for a file that cannot be used
 */
export async function findBundle(ctx: Context, identity: BuildIdentity): Promise<FittingBundle | KmeshError | undefined> {
  const place = ctx.options.bundle ?? (await ownBundles(ctx));
  if (place === undefined) return undefined;
  const entry = await ctx.sys.stat(place).catch((error: unknown) => {
    throw failure(ctx, 'KM_BUNDLE_FILE', `${place} cannot be read: ${(error as Error).message}`, { cause: error });
  });
  if (entry?.kind !== 'directory') return readFitting(ctx, place, identity);
  return inFolder(ctx, place, identity);
}

async function inFolder(ctx: Context, folder: string, identity: BuildIdentity): Promise<FittingBundle | KmeshError> {
  const names = (await listBundles(ctx, folder)).filter((name) => name.endsWith('.tar'));
  if (names.length > MAX_BUNDLES) throw failure(ctx, 'KM_BUNDLE_FILE', `${folder} holds ${names.length} bundles; ${MAX_BUNDLES} are looked through at most`);
  const unfit: string[] = [];
  for (const name of names) {
    try {
      return await readFitting(ctx, path.join(folder, name), identity);
    } catch (error) {
      if (!(error instanceof KmeshError)) throw error;
      if (error.code === 'KM_BUNDLE_FILE') ctx.log.warn(error.message);
      unfit.push(error.detail);
    }
  }
  const there = names.length === 0 ? 'it holds no file *.tar' : unfit.join('. ');
  return failure(ctx, 'KM_BUNDLE_UNFIT', `no bundle in ${folder} is for this node (Linux ${identity.release} on ${identity.architecture}): ${there}`);
}

async function listBundles(ctx: Context, folder: string): Promise<readonly string[]> {
  try {
    return await ctx.sys.list(folder);
  } catch (error) {
    throw failure(ctx, 'KM_BUNDLE_FILE', `${folder} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

async function readFitting(ctx: Context, file: string, identity: BuildIdentity): Promise<FittingBundle> {
  let bundle: Bundle;
  try {
    bundle = readBundle(await ctx.sys.readBytes(file, MAX_BUNDLE_BYTES));
  } catch (error) {
    throw failure(ctx, 'KM_BUNDLE_FILE', `${file} cannot be used: ${(error as Error).message}`, { cause: error });
  }
  const unfit = differences(bundle.manifest.identity, identity);
  if (unfit.length > 0) throw failure(ctx, 'KM_BUNDLE_UNFIT', `${file} (made by agent ${bundle.manifest.version}) is not for this node: ${unfit.join('; ')}`);
  return { ...bundle, path: file };
}
