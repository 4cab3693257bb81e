// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { managed } from './cluster/manage.js';
import { type Context, need } from './context.js';
import { hasSources } from './gather/buildInputs.js';
import { moduleCapability } from './privileges.js';
import { type Capability, decideCapabilities, type Situation } from './probe/capabilities.js';
import { type Fact, no, unknown, yes } from './probe/fact.js';
import { formatCapabilityTable } from './status/capabilityTable.js';
import type { Sys } from './sys.js';

/**
 * What the phases found so far that is no property of the kernel.
 *
 * @param l4Programs whether the eBPF programs are in force
 */
export async function situationOf(ctx: Context, l4Programs: Fact): Promise<Situation> {
  const { results, sys, root } = ctx;
  const given = results.givenModule;
  const file = given !== undefined && 'file' in given ? given.file : undefined;
  const { headerTree } = need(ctx, 'kernelFiles');
  const failed = results.forgone?.get('l7-http');
  return {
    l4Programs,
    moduleSources: await moduleSourcesFact(sys, root),
    kernelHeaders: headerTree.fact,
    headersCode: headerTree.problem?.code,
    moduleGiven: file !== undefined || results.prebuilt?.module !== undefined,
    moduleSigned: file?.signed ?? results.prebuilt?.module?.signed ?? (results.signing !== undefined && !('unusable' in results.signing)),
    mayLoadModules: ctx.options.kernelRelease === undefined ? await moduleCapability(sys) : unknown('the kernel that this is for does not run here'),
    module: results.moduleState ?? unknown('kmesh.ko is not loaded yet'),
    podPrograms: results.podPrograms ?? (await podProgramsToBe(ctx)),
    requestPrograms: results.requestPrograms ?? unknown('kmesh-daemon has not told yet whether its programs route requests'),
    failure: failed === undefined ? undefined : { reason: `${failed.code}: ${failed.detail}`, remedy: failed.remedy },
  };
}

/** Before kmesh-daemon tells. */
async function podProgramsToBe(ctx: Context): Promise<Fact> {
  const { manage, why } = await managed(ctx);
  return manage === 'all' ? no(`the connections of every process are steered (${why})`) : unknown('kmesh-daemon has not told yet whether it tells pods apart');
}

/** Whether this build can make kmesh.ko. */
export async function moduleSourcesFact(sys: Sys, root: string): Promise<Fact> {
  const folder = path.join(root, 'kernel');
  try {
    return (await hasSources(sys, root, 'kernel')) ? yes(`${folder} is there`) : no(`there is no ${folder}/Makefile`);
  } catch (error) {
    return unknown(`${folder} cannot be looked at: ${(error as Error).message}`);
  }
}

/** What this node can do, from what the phases found so far. */
export async function capabilitiesOf(ctx: Context, l4Programs: Fact): Promise<readonly Capability[]> {
  return decideCapabilities(need(ctx, 'kernel'), need(ctx, 'helpers'), need(ctx, 'macros'), await situationOf(ctx, l4Programs));
}

/**
 * Logs the table of capabilities: once a start, when all is known. Says nothing when the start failed before
 * there was anything to decide from.
 */
export async function reportCapabilities(ctx: Context, l4Programs: Fact): Promise<void> {
  if (ctx.results.macros === undefined) return;
  const capabilities = await capabilitiesOf(ctx, l4Programs);
  ctx.board.capabilities = capabilities;
  const title = 'what this node can do';
  ctx.log.info({ capabilities }, ctx.options.logFormat === 'json' ? title : `${title}\n${formatCapabilityTable(capabilities)}`);
}
