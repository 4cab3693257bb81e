// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, need } from '../context.js';

/** Builds of other kernels or versions that are kept, so that a rollback starts warm. */
const KEPT_BUILDS = 3;

/** Keeps the newest builds, so that years of kernel updates do not fill the disk. */
export async function removeOldBuilds(ctx: Context): Promise<void> {
  const { folder, key } = need(ctx, 'build');
  const all = path.dirname(folder);
  const names = (await ctx.sys.list(all)).filter((name) => /^[0-9a-f]{64}$/.test(name) && name !== key);
  const aged = await Promise.all(names.map(async (name) => ({ name, modifiedMs: (await ctx.sys.stat(path.join(all, name)))?.modifiedMs ?? 0 })));
  const old = aged.sort((a, b) => b.modifiedMs - a.modifiedMs).slice(KEPT_BUILDS);
  for (const { name } of old) await ctx.sys.removeTree(path.join(all, name));
}
