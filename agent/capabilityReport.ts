// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, need } from './context.js';
import { type Capability, decideCapabilities } from './probe/capabilities.js';
import type { Fact } from './probe/fact.js';
import { formatCapabilityTable } from './status/capabilityTable.js';

/**
 * What this node can do, from what the phases found so far.
 *
 * @param l4Programs whether the eBPF programs are in force
 */
export async function capabilitiesOf(ctx: Context, l4Programs: Fact): Promise<readonly Capability[]> {
  return decideCapabilities(need(ctx, 'kernel'), need(ctx, 'helpers'), need(ctx, 'macros'), {
    l4Programs,
    moduleSources: (await ctx.sys.stat(path.join(ctx.root, 'kernel/Makefile'))) !== undefined,
    kernelHeaders: need(ctx, 'kernelFiles').headerTree.fact,
  });
}

/**
 * Logs the table of capabilities: once a start, when all is known. Says nothing when the start failed before
 * there was anything to decide from.
 */
export async function reportCapabilities(ctx: Context, l4Programs: Fact): Promise<void> {
  if (ctx.results.macros === undefined) return;
  const capabilities = await capabilitiesOf(ctx, l4Programs);
  const title = 'what this node can do';
  ctx.log.info({ capabilities }, ctx.options.logFormat === 'json' ? title : `${title}\n${formatCapabilityTable(capabilities)}`);
}
