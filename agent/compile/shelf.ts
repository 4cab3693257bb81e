// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type BuildIdentity, type BuildManifest, buildManifest, differences, MANIFEST } from '../build/manifest.js';
import { type Context, failure } from '../context.js';
import type { Lock } from '../../common/fileLock.js';
import { readIfThere } from '../gather/files.js';
import type { Build } from '../results.js';
import { makeStateFolder } from '../stateFiles.js';
import { lockBuilds, tryLock, useLock } from './locks.js';
import { BUILD_NAME, removeOldBuilds } from './oldBuilds.js';
import { inState, isWhole } from './sealed.js';

const MAX_MANIFEST_BYTES = 1 << 16;

export const bpfProduct = (build: Build) => ({ folder: build.objects, file: 'kmesh.bpf.o' });
export const moduleProduct = (build: Build) => ({ folder: build.module, file: 'kmesh.ko' });

/** Where a build with this key lies. */
export function buildAt(stateDir: string, key: string): Build {
  const folder = path.join(stateDir, 'build', key);
  return { key, folder, include: path.join(folder, 'include'), objects: path.join(folder, 'bpf'), module: path.join(folder, 'module') };
}

/**
 * Marks the build as used until the process ends, and makes room for it. The manifest is written each time: its age is the
 * time since the build was used last.
 *
 * @throws KM_STATE_DIR, KM_STATE_OPEN
 */
export async function claimBuild(ctx: Context, build: Build, manifest: BuildManifest): Promise<Lock> {
  const builds = path.dirname(build.folder);
  await makeStateFolder(ctx);
  const all = await inState(ctx, async () => {
    await ctx.sys.makeFolders(builds);
    return lockBuilds(ctx, builds);
  });
  try {
    const use = await inState(ctx, async () => {
      await ctx.sys.makeFolders(build.folder);
      const lock = await tryLock(ctx, useLock(build.folder), 'shared');
      if (lock === undefined) throw failure(ctx, 'KM_STATE_DIR', `${useLock(build.folder)} is locked by something that is no agent`);
      await ctx.sys.writeFileAtomically(path.join(build.folder, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
      await ctx.sys.sync(builds);
      return lock;
    });
    await inState(ctx, () => removeOldBuilds(ctx));
    return use;
  } finally {
    all.release();
  }
}

/** A finished build that is there, and what it was made for. */
export interface Shelved {
  readonly build: Build;
  readonly manifest: BuildManifest;
  readonly hasModule: boolean;
}

/**
 * The build for this kernel and these sources that was used last, whatever compiled it.
 * @param withModule whether it must have kmesh.ko
 */
export async function findShelved(ctx: Context, identity: BuildIdentity, withModule: boolean): Promise<Shelved | undefined> {
  const builds = path.join(ctx.options.stateDir, 'build');
  const names = ((await readIfThere(() => ctx.sys.list(builds))) ?? []).filter((name) => BUILD_NAME.test(name));
  const aged = await Promise.all(names.map(async (name) => ({ name, usedMs: (await ctx.sys.stat(path.join(builds, name, MANIFEST)))?.modifiedMs ?? 0 })));
  for (const { name } of aged.sort((a, b) => b.usedMs - a.usedMs)) {
    const build = buildAt(ctx.options.stateDir, name);
    const manifest = await readManifest(ctx, build);
    if (manifest === undefined || manifest.key !== name || differences(manifest.identity, identity).length > 0) continue;
    const hasModule = await isWhole(ctx, moduleProduct(build));
    if ((hasModule || !withModule) && (await isWhole(ctx, bpfProduct(build)))) return { build, manifest, hasModule };
  }
  return undefined;
}

/** undefined: there is none that can be understood. */
export async function readManifest({ sys }: Context, { folder }: Build): Promise<BuildManifest | undefined> {
  try {
    return buildManifest.parse(JSON.parse(await sys.readText(path.join(folder, MANIFEST), MAX_MANIFEST_BYTES)));
  } catch {
    // A build that cannot say what it is for is for nothing.
    return undefined;
  }
}
