// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import { ensureBpffs } from '../mounts/bpffs.js';
import { attachFolder, ensureCgroup2 } from '../mounts/cgroup2.js';
import { readMounts } from '../mounts/mountTable.js';
import { releaseMounts, type Selection } from '../mounts/release.js';
import type { Phase } from '../phase.js';
import { leavePlaces } from '../supervisor/exclusive.js';
import { topMountAt } from '../probe/mountinfo.js';

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

async function planMount(ctx: Context, folder: string, fsType: string): Promise<string> {
  const exists = (await ctx.sys.stat(folder)) !== undefined;
  const mounted = exists ? topMountAt(await readMounts(ctx), await ctx.sys.realPath(folder)) : undefined;
  if (mounted === undefined) return `would mount ${fsType} at ${folder}${exists ? '' : ', after making the folder'}: nothing is mounted there`;
  if (mounted.fsType === fsType) return `nothing to mount: ${fsType} is at ${folder} already`;
  return `would fail: ${mounted.fsType} is mounted at ${folder}, where ${fsType} belongs`;
}
