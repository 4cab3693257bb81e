// SPDX-License-Identifier: Apache-2.0
import { type Context, failure, need } from '../context.js';
import { HEADER_CODES, headerPlaces, readBpfHeader } from '../gather/bpfHeader.js';
import type { Phase } from '../phase.js';
import { btfHelpers } from '../probe/btf.js';
import { type HelperFacts, mergeHelpers } from '../probe/helperFacts.js';

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
  const btf = results.btf === undefined ? undefined : btfHelpers(results.btf);
  results.btf = undefined;
  const reading = await readBpfHeader(sys, places(ctx));
  if (!reading.ok && btf === undefined) throw failure(ctx, HEADER_CODES[reading.problem], reading.detail);
  const warnings = reading.ok ? [] : [`${HEADER_CODES[reading.problem]}: ${reading.detail}; the kernel's BTF answers in its place`];
  results.helpers = mergeHelpers(reading.ok ? reading.header : undefined, btf, warnings);
  for (const warning of results.helpers.warnings) log.warn(warning);
}

/** The bpf.h of this machine says nothing about a kernel that does not run here; the one in that kernel's tree does. */
function places({ options, root, results }: Context): readonly string[] {
  if (options.bpfHeader !== undefined) return [options.bpfHeader];
  if (options.kernelRelease === undefined) return headerPlaces(root);
  return [results.kernelFiles?.headerTree.bpfHeader ?? `include/uapi/linux/bpf.h in a header tree of ${options.kernelRelease}`];
}

function describe({ helpers, source, header }: HelperFacts): string {
  const from = source === 'btf' ? "the running kernel's BTF" : (header?.path ?? 'nowhere');
  return `${helpers.size} BPF helpers, from ${from}`;
}
