// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { MAX_BUNDLE_BYTES, writeBundle } from '../build/bundle.js';
import type { BuildManifest } from '../build/manifest.js';
import { productFile } from '../compile/sealed.js';
import { bpfProduct, readManifest } from '../compile/shelf.js';
import { type Context, failure, need } from '../context.js';
import { exitStatus } from '../exec.js';
import type { Phase } from '../phase.js';
import { phasesUntil, runPhases } from '../runner.js';

/** The last phase that makes something; nothing is loaded, mounted or started. */
const LAST = 'compile-module';

/** Makes this node's build, unless it is there, and writes it to one file for nodes of the same kernel. @returns the exit code */
export async function bundle(ctx: Context, sequence: readonly Phase[], output: string | undefined): Promise<number> {
  const { error, stopped } = await runPhases(phasesUntil(sequence, LAST), ctx);
  if (stopped) return exitStatus({ code: undefined, signal: ctx.stop.reason as NodeJS.Signals });
  if (error !== undefined) return error.exitCode;
  const { release, architecture } = need(ctx, 'kernel');
  const file = output ?? path.resolve(`kmesh-${release}-${architecture}.tar`);
  const { module } = ctx.results;
  const bytes = await pack(ctx, await manifestOf(ctx), module?.path);
  try {
    await ctx.sys.makeFolders(path.dirname(file));
    await ctx.sys.writeFileAtomically(file, bytes);
  } catch (error) {
    throw failure(ctx, 'KM_BUNDLE_WRITE', `${file} cannot be written: ${(error as Error).message}`, { cause: error });
  }
  ctx.log.info({ file, bytes: bytes.length, release, architecture, module: module !== undefined }, `wrote ${file}: ${module === undefined ? 'the eBPF programs, without kmesh.ko' : 'the eBPF programs and kmesh.ko'} for Linux ${release} on ${architecture}`);
  return 0;
}

async function manifestOf(ctx: Context): Promise<BuildManifest> {
  const build = need(ctx, 'build');
  const manifest = await readManifest(ctx, build);
  if (manifest === undefined) throw failure(ctx, 'KM_STATE_DIR', `${build.folder} was changed while it was packed`);
  return manifest;
}

async function pack(ctx: Context, manifest: BuildManifest, module: string | undefined): Promise<Uint8Array> {
  const read = (file: string): Promise<Uint8Array> => ctx.sys.readBytes(file, MAX_BUNDLE_BYTES / 2);
  try {
    return writeBundle(manifest, await read(productFile(bpfProduct(need(ctx, 'build')))), module === undefined ? undefined : await read(module));
  } catch (error) {
    throw failure(ctx, 'KM_STATE_DIR', `the build cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
