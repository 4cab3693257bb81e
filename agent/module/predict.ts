// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { discard } from '../compile/sealed.js';
import type { Context } from '../context.js';
import { ExecError } from '../exec.js';
import { readIfThere } from '../gather/files.js';
import { HOST_ROOT } from '../probe/headerPlaces.js';
import { type ModuleVersions, moduleVersions, versionDifferences } from '../probe/moduleVersions.js';
import { ProbeError } from '../probe/probeError.js';
import { runTool } from '../tool.js';

const MAX_BYTES = 64 << 20;

/** Modules of every distribution's kernel that use much of what kmesh.ko uses. */
const REFERENCES = ['net/tls/tls.ko', 'net/sctp/sctp.ko', 'net/smc/smc.ko', 'net/ipv6/ipv6.ko', 'fs/nfs/nfs.ko', 'fs/overlayfs/overlay.ko'];

/** How distributions pack modules, and what unpacks such a file in its place. */
const PACKED: readonly (readonly [string, readonly string[]])[] = [
  ['', []],
  ['.xz', ['xz', '-d', '-q']],
  ['.zst', ['zstd', '-d', '-q', '--rm']],
  ['.gz', ['gzip', '-d', '-q']],
];

/**
 * Why the running kernel will probably refuse a module, by the modules that are installed for its release; empty: nothing
 * speaks against it, or nothing is known. The kernel has the last word: what is installed may be newer than what runs.
 *
 * @param file path of the module
 */
export async function expectedDifferences(ctx: Context, file: string): Promise<readonly string[]> {
  try {
    const reference = await installedModule(ctx);
    const own = reference === undefined ? undefined : await versionsOf(ctx, file);
    return own === undefined || reference === undefined ? [] : versionDifferences(own, reference);
  } catch (error) {
    // What only makes for a better message must not fail a start: no space, a damaged file, a disk that fails.
    if (ctx.stop.aborted) throw error;
    ctx.log.debug({ err: error }, 'the modules that are installed for this kernel could not be read');
    return [];
  }
}

/** The first that is there and can be read. */
async function installedModule(ctx: Context): Promise<ModuleVersions | undefined> {
  const { kernelRelease } = ctx.sys;
  for (const root of [`/lib/modules/${kernelRelease}`, `${HOST_ROOT}/usr/lib/modules/${kernelRelease}`]) {
    for (const name of REFERENCES) {
      for (const [ending, unpack] of PACKED) {
        const file = path.join(root, 'kernel', `${name}${ending}`);
        if ((await readIfThere(() => ctx.sys.stat(file)))?.kind !== 'file') continue;
        const versions = ending === '' ? await versionsOf(ctx, file) : await unpacked(ctx, file, ending, unpack);
        if (versions !== undefined) return versions;
      }
    }
  }
  return undefined;
}

/** undefined: the tool is not here, or the file is none of a module. */
async function unpacked(ctx: Context, file: string, ending: string, [tool = '', ...args]: readonly string[]): Promise<ModuleVersions | undefined> {
  const folder = path.join(ctx.options.stateDir, 'build', 'reference.partial');
  const copy = path.join(folder, path.basename(file));
  try {
    await ctx.sys.makeFolders(folder);
    await ctx.sys.copyFile(file, copy);
    await runTool(ctx, tool, [...args, copy]);
    return await versionsOf(ctx, copy.slice(0, -ending.length));
  } catch (error) {
    if (error instanceof ExecError && !ctx.stop.aborted) return undefined;
    throw error;
  } finally {
    await discard(ctx, folder);
  }
}

async function versionsOf(ctx: Context, file: string): Promise<ModuleVersions | undefined> {
  try {
    const bytes = await readIfThere(() => ctx.sys.readBytes(file, MAX_BYTES));
    return bytes === undefined ? undefined : moduleVersions(bytes);
  } catch (error) {
    if (error instanceof ProbeError) return undefined;
    throw error;
  }
}
