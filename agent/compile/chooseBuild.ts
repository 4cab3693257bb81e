// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import path from 'node:path';
import { buildKey } from '../build/cacheKey.js';
import type { BuildIdentity, BuildManifest } from '../build/manifest.js';
import { type Context, failure, need } from '../context.js';
import { KmeshError } from '../errors.js';
import { digestSources, hasSources, SYSTEM_HEADERS } from '../gather/buildInputs.js';
import { readModuleFile } from '../gather/moduleFile.js';
import { MACRO_NAMES, vendorHelperIds } from '../probe/macros.js';
import type { Toolchain } from '../results.js';
import { toolVersion } from '../tool.js';
import { agentVersion } from '../version.js';
import { findBundle, type FittingBundle } from './bundles.js';
import { buildAt, findShelved, moduleProduct } from './shelf.js';
import { productFile } from './sealed.js';

/** Finds the compiler for the kernel module; undefined: none is there, or there is nothing to compile. */
type FindToolchain = () => Promise<Toolchain | undefined>;

/**
 * Decides which build this node uses and leaves it in the results: a bundle; else what the compilers of this node make, which
 * may be there already; else, where a compiler is missing, what an earlier start of this kernel left.
 *
 * @returns the build's manifest
 * @throws KM_SOURCES, KM_CLANG_MISSING, KM_BUNDLE_...
 */
export async function chooseBuild(ctx: Context, findToolchain: FindToolchain): Promise<BuildManifest> {
  if (!(await hasSources(ctx.sys, ctx.root, 'bpf'))) throw failure(ctx, 'KM_SOURCES', `there is no ${path.join(ctx.root, 'bpf/Makefile')}`);
  const identity = await identityOf(ctx);
  const bundle = await findBundle(ctx, identity);
  if (bundle instanceof KmeshError) ctx.log.warn(`${bundle.message}; what it lacks is compiled where that can be`);
  else if (bundle !== undefined) return useBundle(ctx, identity, bundle, findToolchain);
  const clang = await compilerVersion(ctx);
  const toolchain = await findToolchain();
  const withoutModule = toolchain === undefined && wantsModule(ctx, identity);
  if (clang instanceof KmeshError || withoutModule) {
    const earlier = await useShelved(ctx, identity, clang instanceof KmeshError, toolchain);
    if (earlier !== undefined) return earlier;
  }
  if (clang instanceof KmeshError) throw bundle ?? clang;
  return use(ctx, identity, clang, toolchain);
}

/** What a build must have been made for to be one for this node. */
async function identityOf(ctx: Context): Promise<BuildIdentity> {
  const { release, architecture } = need(ctx, 'kernel');
  const { configText, headerTree } = need(ctx, 'kernelFiles');
  const { moduleSymvers } = headerTree;
  const macros = need(ctx, 'macros');
  const digest = async (folder: string): Promise<string> => {
    const hash = createHash('sha256');
    for (const { path: file, sha256 } of await digestSources(ctx.sys, ctx.root, [folder])) hash.update(`${file}\0${sha256}\n`);
    return hash.digest('hex');
  };
  return {
    release,
    architecture,
    configSha256: configText === undefined ? null : createHash('sha256').update(configText).digest('hex'),
    moduleSymversSha256: moduleSymvers === undefined ? null : await ctx.sys.sha256(moduleSymvers),
    macros: Object.fromEntries(MACRO_NAMES.map((name) => [name, macros[name].known ? macros[name].value : null])),
    helperIds: Object.fromEntries(vendorHelperIds(need(ctx, 'helpers'))),
    sources: { bpf: await digest('bpf'), module: (await hasSources(ctx.sys, ctx.root, 'kernel')) ? await digest('kernel') : null },
  };
}

/** Whether the kernel could take a module that would be made from sources that are here. */
const wantsModule = (ctx: Context, { sources }: BuildIdentity): boolean => sources.module !== null && need(ctx, 'kernel').moduleSupport.answer !== 'no' && ctx.options.module === undefined;

async function useBundle(ctx: Context, identity: BuildIdentity, bundle: FittingBundle, findToolchain: FindToolchain): Promise<BuildManifest> {
  const { object, module, manifest } = bundle;
  // One without kmesh.ko does not keep a node that can from compiling it.
  const toolchain = module === undefined ? await findToolchain() : undefined;
  const title = `the bundle ${bundle.path}`;
  ctx.log.info({ bundle: bundle.path, key: manifest.key, compiler: manifest.compiler }, `${title} is for this kernel and is used${module === undefined ? '; it has no kmesh.ko' : ''}`);
  ctx.results.prebuilt = { title, object, module: module === undefined ? undefined : { bytes: module.bytes, signed: module.signed } };
  return use(ctx, identity, `bundle of ${manifest.key}`, toolchain);
}

/** One with kmesh.ko comes first; one without is of use only where clang is missing. */
async function useShelved(ctx: Context, identity: BuildIdentity, withoutClang: boolean, toolchain: Toolchain | undefined): Promise<BuildManifest | undefined> {
  const found = (await findShelved(ctx, identity, true)) ?? (withoutClang ? await findShelved(ctx, identity, false) : undefined);
  if (found === undefined) return undefined;
  const { build, manifest, hasModule } = found;
  const why = withoutClang ? 'clang is missing here' : 'kmesh.ko cannot be compiled here';
  ctx.log.info({ key: build.key }, `${why}; the build ${build.key.slice(0, 12)} of an earlier start with this kernel is used (${manifest.compiler})`);
  const module = hasModule ? { bytes: undefined, signed: (await readModuleFile(ctx.sys, productFile(moduleProduct(build)))).signed } : undefined;
  ctx.results.prebuilt = { title: 'an earlier start', object: undefined, module };
  ctx.results.toolchain = toolchain;
  ctx.results.build = build;
  return manifest;
}

async function use(ctx: Context, identity: BuildIdentity, clang: string, toolchain: Toolchain | undefined): Promise<BuildManifest> {
  const { release, architecture } = need(ctx, 'kernel');
  ctx.results.toolchain = toolchain;
  const { signing } = ctx.results;
  const moduleCompiler = toolchain === undefined ? undefined : `${toolchain.program}: ${toolchain.version}`;
  const key = buildKey({
    release,
    architecture,
    configSha256: identity.configSha256 ?? undefined,
    moduleSymversSha256: identity.moduleSymversSha256 ?? undefined,
    compiler: clang,
    moduleCompiler,
    moduleSigner: signing === undefined || 'unusable' in signing ? undefined : signing.fingerprint,
    libbpfVersion: need(ctx, 'kernelFiles').libbpfVersion,
    macros: Object.fromEntries(MACRO_NAMES.map((name) => [name, need(ctx, 'macros')[name].value])),
    helperIds: vendorHelperIds(need(ctx, 'helpers')),
    sources: await digestSources(ctx.sys, ctx.root, toolchain === undefined ? ['bpf'] : ['bpf', 'kernel'], SYSTEM_HEADERS),
  });
  ctx.results.build = buildAt(ctx.options.stateDir, key);
  return { format: 1, version: await agentVersion(ctx.sys, ctx.root), key, identity, compiler: clang.split('\n')[0] ?? '', moduleCompiler: moduleCompiler ?? null };
}

/** Whole output of `clang --version`, or why there is none. */
async function compilerVersion(ctx: Context): Promise<string | KmeshError> {
  try {
    return await toolVersion(ctx, 'clang', 'KM_CLANG_MISSING');
  } catch (error) {
    if (ctx.stop.aborted || !(error instanceof KmeshError)) throw error;
    return error;
  }
}
