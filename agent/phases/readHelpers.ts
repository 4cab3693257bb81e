// SPDX-License-Identifier: Apache-2.0
import { type Context, failure, need } from '../context.js';
import { HEADER_CODES, headerPlaces, readBpfHeader } from '../gather/bpfHeader.js';
import type { Phase } from '../phase.js';
import { btfHelpers } from '../probe/btf.js';
import { type HelperFacts, KERNEL_BTF_TITLE, type KernelHelpers, mergeHelpers } from '../probe/helperFacts.js';

/** Finds out which BPF helpers the kernel has: from its own types, compared with the host's linux/bpf.h. */
export const readHelpers: Phase = {
  name: 'read-helpers',
  summary: "read the BPF helpers from the kernel's types and the host's linux/bpf.h",
  async run(ctx) {
    await read(ctx);
    ctx.log.info(describe(need(ctx, 'helpers')));
  },
  async plan(ctx) {
    await read(ctx);
    return [describe(need(ctx, 'helpers'))];
  },
};

async function read(ctx: Context): Promise<void> {
  const { results, sys, log } = ctx;
  const reading = await readBpfHeader(sys, places(ctx));
  const kernel = ownTypes(ctx) ?? (await ownTree(ctx));
  if (!reading.ok && kernel === undefined) throw failure(ctx, HEADER_CODES[reading.problem], reading.detail);
  const warnings = reading.ok ? [] : [`${HEADER_CODES[reading.problem]}: ${reading.detail}; ${kernel?.name} answers in its place`];
  results.helpers = mergeHelpers(reading.ok ? { ...reading.header, named: ctx.options.bpfHeader !== undefined } : undefined, kernel, warnings);
  for (const warning of results.helpers.warnings) log.warn(warning);
}

/** The types are of no use after this: they are let go. */
function ownTypes({ results }: Context): KernelHelpers | undefined {
  const helpers = results.btf === undefined ? undefined : btfHelpers(results.btf);
  results.btf = undefined;
  return helpers === undefined ? undefined : { source: 'btf', name: KERNEL_BTF_TITLE, helpers };
}

/** The header in the tree of this very release, which detect-kernel checked. Who names a header wants that one. */
async function ownTree({ options, results, sys }: Context): Promise<KernelHelpers | undefined> {
  const file = results.kernelFiles?.headerTree.bpfHeader;
  if (options.bpfHeader !== undefined || file === undefined) return undefined;
  const reading = await readBpfHeader(sys, [file]);
  return reading.ok ? { source: 'tree', name: file, helpers: reading.header.helpers } : undefined;
}

/** The bpf.h of this machine says nothing about a kernel that does not run here; the one in that kernel's tree does. */
function places({ options, root, results }: Context): readonly string[] {
  if (options.bpfHeader !== undefined) return [options.bpfHeader];
  if (options.kernelRelease === undefined) return headerPlaces(root);
  return [results.kernelFiles?.headerTree.bpfHeader ?? `include/uapi/linux/bpf.h in a header tree of ${options.kernelRelease}`];
}

function describe({ helpers, from }: HelperFacts): string {
  return `${helpers.size} BPF helpers, from ${from}`;
}
