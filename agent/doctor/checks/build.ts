// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { isWhole } from '../../compile/sealed.js';
import { ownBundles } from '../../compile/bundles.js';
import { bpfProduct } from '../../compile/shelf.js';
import { type Context, failure, need } from '../../context.js';
import { type ErrorCode, KmeshError } from '../../errors.js';
import { HEADER_CODES, headerPlaces, readBpfHeader } from '../../gather/bpfHeader.js';
import { hasSources } from '../../gather/buildInputs.js';
import { L4_HELPERS } from '../../probe/capabilities.js';
import { helperFact } from '../../probe/helperFacts.js';
import { installRemedy } from '../../probe/distributions.js';
import { toolVersion } from '../../tool.js';
import { type Finding, type Group, ok, warning } from '../check.js';
import { lookAtStateFolder } from './stateFolder.js';

const firstLine = (text: string): string => text.split('\n')[0] ?? '';

/** What read-helpers, set-macros and compile-bpf build on. */
export const buildChecks: Group = {
  title: 'helpers and eBPF programs',
  questions: [
    {
      name: 'linux/bpf.h',
      codes: Object.values(HEADER_CODES),
      look: async ({ ctx }) => {
        const { bpfHeader } = ctx.options;
        const reading = await readBpfHeader(ctx.sys, bpfHeader === undefined ? headerPlaces(ctx.root) : [bpfHeader]);
        if (reading.ok) return ok(`${reading.header.path}, ${reading.header.helpers.size} helpers`);
        const { message, remedy } = failure(ctx, HEADER_CODES[reading.problem], reading.detail);
        return warning(`${message}; the kernel's BTF answers in its place`, remedy);
      },
    },
    {
      name: 'BPF helpers',
      look: async ({ ctx }) => {
        const helpers = need(ctx, 'helpers');
        const missing = L4_HELPERS.filter((name) => helperFact(helpers, name).answer === 'no');
        if (missing.length > 0) throw failure(ctx, 'KM_BPF_UNSUPPORTED', `the kernel lacks the helpers ${missing.join(', ')}`);
        if (helpers.source === 'none') return warning('not known: neither BTF nor linux/bpf.h could be read', 'See linux/bpf.h.');
        const moved = helpers.disagreements.filter(({ header, kernel }) => header !== undefined && kernel !== undefined);
        const evidence = [`${helpers.helpers.size}, from ${helpers.from}`, ...helpers.warnings.filter((text) => !text.startsWith('KM_'))].join('; ');
        return moved.length === 0 ? ok(evidence) : warning(evidence, "Nothing, the kernel's ids are used; the header is of another kernel.");
      },
    },
    { name: 'eBPF sources', codes: ['KM_SOURCES'], look: async ({ ctx }) => ((await hasSources(ctx.sys, ctx.root, 'bpf')) ? ok(path.join(ctx.root, 'bpf')) : Promise.reject(failure(ctx, 'KM_SOURCES', `there is no ${path.join(ctx.root, 'bpf/Makefile')}`))) },
    { name: 'clang', codes: ['KM_CLANG_MISSING'], look: ({ ctx }) => lookAtTool(ctx, 'clang', 'KM_CLANG_MISSING') },
    { name: 'make', codes: ['KM_MAKE_MISSING'], look: ({ ctx }) => lookAtTool(ctx, 'make', 'KM_MAKE_MISSING') },
    {
      name: 'libbpf',
      look: async ({ ctx }) => {
        const { libbpfVersion } = need(ctx, 'kernelFiles');
        if (libbpfVersion?.startsWith('0.') === false) return ok(libbpfVersion);
        const { release, distribution } = need(ctx, 'kernel');
        const seen = libbpfVersion === undefined ? 'no libbpf.so.1 in the known folders' : `libbpf ${libbpfVersion} is older than 1.0`;
        return { status: 'error', evidence: `KM_BPF_LIBRARY: ${seen}`, remedy: `Install libbpf 1.0 or later: ${installRemedy(distribution, 'libbpf', release)}` };
      },
    },
    { name: 'state folder', codes: ['KM_STATE_DIR', 'KM_STATE_OPEN', 'KM_STATE_VERSION'], look: lookAtStateFolder },
    {
      name: 'finished build',
      look: async ({ ctx }) => {
        const { build } = ctx.results;
        if (build === undefined) return ok('not looked for: its key needs what is missing');
        if (await isWhole(ctx, bpfProduct(build))) return ok(`${build.objects} is whole: no compiler will run for the eBPF programs`);
        const from = ctx.results.prebuilt?.object === undefined ? 'will be compiled' : `come from ${ctx.results.prebuilt.title}`;
        return ok(`none with the key ${build.key.slice(0, 12)}: the eBPF programs ${from}`);
      },
    },
    {
      name: '--bundle',
      codes: ['KM_BUNDLE_FILE', 'KM_BUNDLE_UNFIT'],
      look: async ({ ctx, warnings }) => {
        const bundle = ctx.options.bundle ?? (await ownBundles(ctx));
        if (bundle === undefined) return ok('not set');
        const refused = warnings.find((text) => text.startsWith('KM_BUNDLE'));
        return refused === undefined ? ok(bundle) : warning(refused, 'Write one on a node with exactly this kernel, or leave --bundle out.');
      },
    },
  ],
};

/** A compiler that is missing is missed only where something has to be compiled. */
async function lookAtTool(ctx: Context, tool: string, missing: ErrorCode): Promise<Finding> {
  try {
    return ok(firstLine(await toolVersion(ctx, tool, missing)));
  } catch (error) {
    const { build, prebuilt } = ctx.results;
    const finished = build !== undefined && (prebuilt?.object !== undefined || (await isWhole(ctx, bpfProduct(build))));
    if (finished && error instanceof KmeshError) return ok(`not here, and not needed: the eBPF programs are those of ${prebuilt?.title ?? 'an earlier start'}`);
    throw error;
  }
}
