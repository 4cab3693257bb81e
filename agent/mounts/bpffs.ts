// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import { runTool, toolFailure } from '../tool.js';
import { OWN_SOURCE } from './ownership.js';
import { mountAs, preparePlace, refuseForeign, requireFileSystem } from './place.js';
import type { Selection } from './release.js';

/** Sees to a bpffs at `--bpf-fs-path`; reports each change through `changed` before it can fail. */
export async function ensureBpffs(ctx: Context, changed: (change: Selection) => void): Promise<string> {
  await requireFileSystem(ctx, 'bpf');
  const place = await preparePlace(ctx, ctx.options.bpfFsPath, changed);
  refuseForeign(ctx, place, 'bpf');
  if (place.mounted !== undefined) return `bpffs is at ${place.path} already`;
  changed({ mounts: [place.path], folders: [] });
  await mountAs(ctx, place, 'bpf', async () => {
    await runTool(ctx, 'mount', ['-n', '-t', 'bpf', '-o', 'nosuid,nodev,noexec,mode=700', OWN_SOURCE, place.path]).catch((error: unknown) => {
      throw toolFailure(ctx, 'KM_MOUNT_FAILED', `bpffs could not be mounted at ${place.path}`, error);
    });
  });
  return `bpffs mounted at ${place.path}`;
}
