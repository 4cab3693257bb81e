// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';
import type { Context } from '../context.js';
import { readBootId } from '../gather/bootId.js';
import type { Mount } from '../probe/mountinfo.js';
import { readState, removeState, writeState } from '../stateFiles.js';

const FILE = 'owned.json';

const ownedMount = z.object({
  /** Without symbolic links, as in mountinfo. */
  path: z.string().startsWith('/'),
  fsType: z.string(),
  /** Source and `major:minor` as in mountinfo; null: it was about to be mounted when the agent died. */
  source: z.string().nullable(),
  device: z.string().nullable(),
});

const ownership = z.object({
  /** Mounts do not outlive a boot; folders do. */
  bootId: z.string(),
  mounts: z.array(ownedMount).max(64),
  folders: z.array(z.string().startsWith('/')).max(64),
});

export type OwnedMount = z.infer<typeof ownedMount>;

/** Mounts and folders that the agent made, on record so that a crash does not turn them into somebody else's. */
export type Ownership = z.infer<typeof ownership>;

/** The record as this run read and wrote it: a file that is lost or damaged meanwhile must not make it forget its own mounts. */
const records = new WeakMap<Context, Ownership>();

/** What is ours according to the state folder; mounts of an earlier boot are left out. */
export async function readOwnership(ctx: Context): Promise<Ownership> {
  const known = records.get(ctx) ?? (await fromFile(ctx));
  records.set(ctx, known);
  return known;
}

async function fromFile(ctx: Context): Promise<Ownership> {
  const bootId = await readBootId(ctx.sys);
  const found = await readState(ctx, FILE, ownership);
  if (found === undefined) return { bootId, mounts: [], folders: [] };
  return { bootId, mounts: found.bootId === bootId ? found.mounts : [], folders: found.folders };
}

export async function writeOwnership(ctx: Context, owned: Ownership): Promise<void> {
  if (owned.mounts.length === 0 && owned.folders.length === 0) await removeState(ctx, FILE);
  else await writeState(ctx, FILE, owned);
  records.set(ctx, owned);
}

/** Source of the file systems that the agent mounts: device numbers are given anew, so they alone prove nothing. */
export const OWN_SOURCE = 'kmesh-agent';

/** Whether a mount that is there now is the one on record: same place, type, source and file system. */
export function isOwned(mount: Mount | undefined, owned: OwnedMount): boolean {
  if (mount === undefined || mount.mountPoint !== owned.path || mount.fsType !== owned.fsType) return false;
  return owned.device === null || (owned.device === mount.device && owned.source === mount.source);
}
