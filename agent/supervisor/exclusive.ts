// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { codedError } from '../coded.js';
import { tryLock } from '../compile/locks.js';
import { type Context, failure, need } from '../context.js';
import type { Lock } from '../../common/fileLock.js';
import { makeStateFolder, removeState } from '../stateFiles.js';
import { describeProcess, forgetAgent, recordAgent, whoRuns } from './processes.js';

/** Held by the one agent that uses a state folder, for as long as its process lives. */
const LOCK = 'agent.lock';

/** Folders that contexts hold. */
const held = new WeakMap<Context, Lock[]>();

/** Gives everything back; with `removeFile` the file of the lock, too. */
export type Leave = (removeFile?: boolean) => Promise<void>;

/**
 * Makes this process the one agent of its state folder, of its pins and of its cgroup, before anything is touched. The kernel knows
 * who holds a lock in whatever pid namespace it is, and gives it up with its process.
 *
 * @throws KM_AGENT_RUNNING, KM_STATE_DIR, KM_STATE_OPEN
 */
export async function claimNode(ctx: Context): Promise<Leave> {
  const lock = await claim(ctx).catch((error: unknown) => {
    throw codedError(ctx, error);
  });
  let left = false;
  return async (removeFile = false) => {
    if (left) return;
    left = true;
    leavePlaces(ctx);
    await forgetAgent(ctx).catch((error: unknown) => ctx.log.warn(`the record of this agent cannot be removed: ${(error as Error).message}`));
    // Whoever has opened the file meanwhile sees that it is gone, and makes a new one.
    if (removeFile) await removeState(ctx, LOCK).finally(() => lock.release());
    else lock.release();
  };
}

async function claim(ctx: Context): Promise<Lock> {
  const { stateDir } = ctx.options;
  await makeStateFolder(ctx);
  const lock = await tryLock(ctx, path.join(stateDir, LOCK), 'exclusive');
  if (lock === undefined) throw failure(ctx, 'KM_AGENT_RUNNING', `${await whoRuns(ctx)} uses ${stateDir}`);
  try {
    const { bpfFsPath, cgroup2Path, attachCgroup = '' } = ctx.options;
    for (const folder of await foldersOf(ctx, [bpfFsPath, path.join(cgroup2Path, attachCgroup)])) (await lockPlace(ctx, folder))?.release();
    await recordAgent(ctx);
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Holds bpffs and the cgroup themselves, so that an agent with another state folder cannot use the same pins, or attach a second set
 * of programs. Nothing is written there. A file system that is held cannot be unmounted.
 *
 * @throws KM_AGENT_RUNNING
 */
export async function holdPlaces(ctx: Context): Promise<void> {
  const locks: Lock[] = [];
  held.set(ctx, locks);
  for (const folder of await foldersOf(ctx, [ctx.options.bpfFsPath, need(ctx, 'attachFolder')])) {
    const lock = await lockPlace(ctx, folder);
    if (lock !== undefined) locks.push(lock);
  }
}

export function leavePlaces(ctx: Context): void {
  for (const lock of held.get(ctx) ?? []) lock.release();
  held.delete(ctx);
}

/** What is there of them: before the mounts are made, there may be nothing yet, and nobody who uses it. */
async function foldersOf({ sys }: Context, places: readonly string[]): Promise<readonly string[]> {
  const entries = await Promise.all(places.map((folder) => sys.stat(folder).catch(() => undefined)));
  return places.filter((_, i) => entries[i]?.kind === 'directory');
}

/** undefined: there are no locks here. */
async function lockPlace(ctx: Context, folder: string): Promise<Lock | undefined> {
  let lock: Lock | undefined;
  try {
    lock = await ctx.sys.tryLock(folder, 'exclusive');
  } catch (error) {
    ctx.log.warn(`${folder} cannot be locked (${(error as Error).message}); another agent that uses it would not be noticed`);
    return undefined;
  }
  if (lock !== undefined) return lock;
  const pid = ctx.sys.lockHolder(folder);
  const holder = pid === undefined ? 'an agent that cannot be seen from this pid namespace' : await describeProcess(ctx, pid);
  throw failure(ctx, 'KM_AGENT_RUNNING', `${holder} uses ${folder}, with another state folder`);
}
