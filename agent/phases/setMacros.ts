// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { configHeader, helperIdsHeader } from '../build/generatedHeaders.js';
import type { BuildManifest } from '../build/manifest.js';
import { capabilitiesOf } from '../capabilityReport.js';
import { chooseBuild } from '../compile/chooseBuild.js';
import { claimBuild } from '../compile/shelf.js';
import { type Context, failure, need } from '../context.js';
import { hasSources } from '../gather/buildInputs.js';
import { readGivenModule } from '../module/givenModule.js';
import { readSigning } from '../module/signing.js';
import { findToolchain } from '../module/toolchain.js';
import type { Phase } from '../phase.js';
import { unknown } from '../probe/fact.js';
import { decideMacros, MACRO_NAMES, type Macros, vendorHelperIds } from '../probe/macros.js';
import { checkRequirements } from '../requirements.js';
import type { Toolchain } from '../results.js';
import { formatCapabilityTable } from '../status/capabilityTable.js';

const NOT_COMPILED = unknown('the programs are compiled in the next phase');
const MAX_HEADER_BYTES = 1 << 16;

/** Decides what is compiled in and writes it as headers into the folder of this build. */
export const setMacros: Phase = {
  name: 'set-macros',
  summary: 'decide macros and capabilities; write the generated headers to the build folder',
  async run(ctx) {
    const manifest = await decide(ctx);
    checkRequirements(ctx, await capabilitiesOf(ctx, NOT_COMPILED));
    ctx.results.buildUse = await claimBuild(ctx, need(ctx, 'build'), manifest);
    await writeHeaders(ctx);
    ctx.log.info(describe(need(ctx, 'macros')));
  },
  async plan(ctx) {
    await decide(ctx);
    const { include } = need(ctx, 'build');
    return [formatCapabilityTable(await capabilitiesOf(ctx, NOT_COMPILED)), describe(need(ctx, 'macros')), `would write kmesh_config.h and kmesh_helper_ids.h to ${include}`];
  },
};

async function decide(ctx: Context): Promise<BuildManifest> {
  const { results } = ctx;
  const facts = need(ctx, 'kernel');
  results.macros = decideMacros(facts, need(ctx, 'helpers'), need(ctx, 'kernelFiles').libbpfVersion, facts.iterUbuf, facts.kfunc);
  results.givenModule = await readGivenModule(ctx);
  results.signing = await readSigning(ctx);
  return chooseBuild(ctx, () => moduleToolchain(ctx));
}

/** Only asked for where there is a module to compile: a node without headers needs no gcc. */
async function moduleToolchain(ctx: Context): Promise<Toolchain | undefined> {
  const { compiler } = need(ctx, 'kernelFiles').headerTree;
  if (compiler === undefined || need(ctx, 'kernel').moduleSupport.answer === 'no' || !(await hasSources(ctx.sys, ctx.root, 'kernel'))) return undefined;
  return findToolchain(ctx, compiler);
}

/** Headers that are there already with the same text keep their age, so that make has nothing to do. */
async function writeHeaders(ctx: Context): Promise<void> {
  const { include } = need(ctx, 'build');
  const texts = { 'kmesh_config.h': configHeader(need(ctx, 'macros')), 'kmesh_helper_ids.h': helperIdsHeader(vendorHelperIds(need(ctx, 'helpers'))) };
  try {
    await ctx.sys.makeFolders(include);
    for (const [name, text] of Object.entries(texts)) {
      const file = path.join(include, name);
      const there = (await ctx.sys.stat(file)) === undefined ? undefined : await ctx.sys.readText(file, MAX_HEADER_BYTES);
      if (there !== text) await ctx.sys.writeFileAtomically(file, text);
    }
  } catch (error) {
    throw failure(ctx, 'KM_STATE_DIR', `the generated headers cannot be written to ${include}: ${(error as Error).message}`, { cause: error });
  }
}

function describe(macros: Macros): string {
  const [on, off] = [1, 0].map((value) => MACRO_NAMES.filter((name) => macros[name].value === value));
  return `macros set to 1: ${on?.join(', ') || 'none'}; to 0: ${off?.join(', ') || 'none'}`;
}
