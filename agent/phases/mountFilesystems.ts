// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import { KmeshError } from '../errors.js';
import { ensureBpffs } from '../mounts/bpffs.js';
import { attachFolder, ensureCgroup2, refuseUnfit } from '../mounts/cgroup2.js';
import { lookAtPlace, refuseForeign } from '../mounts/place.js';
import { releaseMounts, type Selection } from '../mounts/release.js';
import type { Phase } from '../phase.js';
import { leavePlaces } from '../supervisor/exclusive.js';

/** What each run mounted, so that a failed start takes back its own doing and nothing else. */
const changes = new WeakMap<Context, Selection[]>();

/** Sees to cgroup2 and bpffs at their places. */
export const mountFilesystems: Phase = {
  name: 'mount-filesystems',
  summary: 'mount cgroup2 and bpffs where they are not mounted yet',
  async run(ctx) {
    const made: Selection[] = [];
    changes.set(ctx, made);
    const changed = (change: Selection): void => void made.push(change);
    ctx.log.info(await ensureCgroup2(ctx, changed));
    ctx.log.info(await ensureBpffs(ctx, changed));
    ctx.results.attachFolder = await attachFolder(ctx);
  },
  async plan(ctx) {
    const { cgroup2Path, bpfFsPath } = ctx.options;
    return [await planMount(ctx, cgroup2Path, 'cgroup2'), await planMount(ctx, bpfFsPath, 'bpf')];
  },
  async undo(ctx, scope) {
    leavePlaces(ctx);
    const made = changes.get(ctx) ?? [];
    const own: Selection = { mounts: made.flatMap(({ mounts }) => mounts), folders: made.flatMap(({ folders }) => folders) };
    const removed = await releaseMounts(ctx, scope === 'run' ? own : undefined);
    if (removed.length > 0) ctx.log.info(`removed: ${removed.join(', ')}`);
  },
};

/** By the same looks as a start: what one finds wrong with the place is told as its failure. */
async function planMount(ctx: Context, folder: string, fsType: 'cgroup2' | 'bpf'): Promise<string> {
  if ((await ctx.sys.stat(folder)) === undefined) return `would mount ${fsType} at ${folder}, after making the folder: nothing is mounted there`;
  try {
    const place = await lookAtPlace(ctx, folder);
    if (fsType === 'cgroup2') await refuseUnfit(ctx, place);
    else refuseForeign(ctx, place, fsType);
    return place.mounted === undefined ? `would mount ${fsType} at ${folder}: nothing is mounted there` : `nothing to mount: ${fsType} is at ${folder} already`;
  } catch (error) {
    if (error instanceof KmeshError) return `would fail: ${error.message}`;
    throw error;
  }
}
