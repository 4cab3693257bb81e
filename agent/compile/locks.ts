// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, failure } from '../context.js';
import type { Lock, LockKind } from '../../common/fileLock.js';
import { isErrno } from '../sys.js';

const POLL_MS = 100;
/** Held for some file operations only; longer means that an agent hangs. */
const CLAIM_MS = 30_000;
/** As long as the longest compilation may take, twice: the other agent compiles two things. */
const BUILD_MS = 60 * 60_000;

/** Held by an agent for as long as it may read the build in this folder. */
export const useLock = (folder: string): string => path.join(folder, 'use.lock');

/** Held by the one agent that compiles into this folder. */
export const buildLock = (folder: string): string => path.join(folder, 'build.lock');

/** Held while builds are claimed or removed, so that no build goes between being found and being claimed. */
export const lockBuilds = (ctx: Context, builds: string): Promise<Lock> => waitForLock(ctx, path.join(builds, 'builds.lock'), CLAIM_MS);

/** Waits for whoever compiles into this folder. */
export const lockForBuilding = (ctx: Context, folder: string): Promise<Lock> => waitForLock(ctx, buildLock(folder), BUILD_MS);

/** Takes a lock if nobody holds it; undefined: somebody does. On a file system without locks everybody gets it. */
export async function tryLock(ctx: Context, file: string, kind: LockKind): Promise<Lock | undefined> {
  try {
    return await ctx.sys.tryLock(file, kind);
  } catch (error) {
    if (!isErrno(error, 'ENOLCK')) throw failure(ctx, 'KM_STATE_DIR', `${file} cannot be locked: ${(error as Error).message}`, { cause: error });
    // What is made there still appears as a whole or not at all: partial folders have random names and are renamed.
    ctx.log.warn(`${(error as Error).message}; another agent that shares the folder would not be noticed`);
    return { release: () => {} };
  }
}

async function waitForLock(ctx: Context, file: string, limitMs: number): Promise<Lock> {
  const started = ctx.sys.now();
  for (let told = false; ; told = true) {
    const lock = await tryLock(ctx, file, 'exclusive');
    if (lock !== undefined) return lock;
    if (ctx.sys.now() - started > limitMs) throw failure(ctx, 'KM_BUILD_TIMEOUT', `another agent has held ${file} for ${limitMs / 1000} s`);
    if (ctx.stop.aborted) throw failure(ctx, 'KM_BUILD_TIMEOUT', `stopped while another agent held ${file}`);
    if (!told) ctx.log.info(`another agent holds ${file}; this one waits for it`);
    await ctx.sys.sleep(POLL_MS, ctx.stop);
  }
}
