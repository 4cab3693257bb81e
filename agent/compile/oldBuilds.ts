// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { MANIFEST } from '../build/manifest.js';
import { type Context, need } from '../context.js';
import { readIfThere } from '../gather/files.js';
import { buildLock, lockBuilds, tryLock, useLock } from './locks.js';
import { discard, PARTIAL } from './sealed.js';

/** A build is named by its key. */
export const BUILD_NAME = /^[0-9a-f]{64}$/;

/** Builds of other kernels or versions that are kept, so that a rollback starts warm. */
const KEPT_BUILDS = 3;
/** Of those together. One with debug information in kmesh.ko has 5 MiB. */
const KEPT_BYTES = 128 << 20;

/**
 * Keeps the builds that were used last, so that years of kernel updates do not fill the disk; never one that an agent uses
 * now. To be called under the lock of all builds. A build that cannot be removed is told and left.
 */
export async function removeOldBuilds(ctx: Context): Promise<void> {
  const { folder, key } = need(ctx, 'build');
  const builds = path.dirname(folder);
  const names = (await ctx.sys.list(builds)).filter((name) => BUILD_NAME.test(name) && name !== key);
  const others = await Promise.all(names.map((name) => describe(ctx, path.join(builds, name))));
  let [kept, bytes] = [0, 0];
  for (const build of others.sort((a, b) => b.usedMs - a.usedMs)) {
    kept += 1;
    bytes += build.bytes;
    const lock = await tryLockThere(ctx, build.folder);
    if (lock === undefined) continue;
    if (kept > KEPT_BUILDS || bytes > KEPT_BYTES) {
      ctx.log.debug(`removing the build ${build.folder}, which was used last ${new Date(build.usedMs).toISOString()}`);
      await discard(ctx, build.folder);
      bytes -= build.bytes;
    } else {
      await sweep(ctx, build.folder);
    }
    lock.release();
  }
}

/** Removes every build that no agent uses, and the folder when that is all. @returns whether it was all */
export async function removeUnusedBuilds(ctx: Context, builds: string): Promise<boolean> {
  const all = await lockBuilds(ctx, builds);
  let used = 0;
  try {
    for (const name of (await ctx.sys.list(builds)).filter((one) => BUILD_NAME.test(one))) {
      const lock = await tryLockThere(ctx, path.join(builds, name));
      if (lock === undefined) {
        ctx.log.warn(`another agent uses the build ${path.join(builds, name)}; it stays`);
        used += 1;
        continue;
      }
      await ctx.sys.removeTree(path.join(builds, name));
      lock.release();
    }
    if (used === 0) await ctx.sys.removeTree(builds);
  } finally {
    all.release();
  }
  return used === 0;
}

interface OldBuild {
  readonly folder: string;
  /** Each start writes the manifest of its build. */
  readonly usedMs: number;
  readonly bytes: number;
}

async function describe(ctx: Context, folder: string): Promise<OldBuild> {
  const entry = (await ctx.sys.stat(path.join(folder, MANIFEST))) ?? (await ctx.sys.stat(folder));
  return { folder, usedMs: entry?.modifiedMs ?? 0, bytes: await bytesBelow(ctx, folder) };
}

async function bytesBelow(ctx: Context, folder: string): Promise<number> {
  let bytes = 0;
  // Whoever builds there moves folders meanwhile.
  for (const name of (await readIfThere(() => ctx.sys.list(folder))) ?? []) {
    const entry = await ctx.sys.stat(path.join(folder, name));
    bytes += entry?.kind === 'directory' ? await bytesBelow(ctx, path.join(folder, name)) : (entry?.size ?? 0);
  }
  return bytes;
}

const tryLockThere = (ctx: Context, folder: string) => tryLock(ctx, useLock(folder), 'exclusive');

/** Removes what agents began in a build that nobody uses, and did not finish. */
async function sweep(ctx: Context, folder: string): Promise<void> {
  const rests = (await ctx.sys.list(folder)).filter((name) => PARTIAL.test(name));
  if (rests.length === 0) return;
  const lock = await tryLock(ctx, buildLock(folder), 'exclusive');
  if (lock === undefined) return;
  for (const name of rests) await discard(ctx, path.join(folder, name));
  lock.release();
}
