// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { BPF_BYTES_PER_JOB } from '../build/jobs.js';
import { jobsArgument, type MakeTarget, runMake } from '../compile/make.js';
import { isWhole, placeFile, productFile, provide } from '../compile/sealed.js';
import { bpfProduct } from '../compile/shelf.js';
import { type Context, failure, need } from '../context.js';
import type { ErrorCode } from '../errors.js';
import type { Phase } from '../phase.js';
import { checkBpfObject } from '../probe/elf.js';
import { ProbeError } from '../probe/probeError.js';

const TARGET: MakeTarget = { title: 'the eBPF programs', refused: 'KM_BPF_COMPILE', timeoutMs: 10 * 60_000 };

/** With debug information it has some 600 KiB. */
const MAX_OBJECT_BYTES = 64 << 20;

/** Compiles the eBPF programs out of tree, unless the build folder of this key has them already. */
export const compileBpf: Phase = {
  name: 'compile-bpf',
  summary: 'compile the eBPF programs with make and clang, unless this very build is there already',
  async run(ctx) {
    const made = await provide(ctx, bpfProduct(need(ctx, 'build')), (partial) => make(ctx, partial));
    if (!made) ctx.log.info({ key: need(ctx, 'build').key }, `the eBPF programs of build ${shortKey(ctx)} are there already`);
  },
  async plan(ctx) {
    const product = bpfProduct(need(ctx, 'build'));
    if (await isWhole(ctx, product)) return [`nothing to compile: ${productFile(product)} is there and whole`];
    const { object, title } = ctx.results.prebuilt ?? {};
    if (object !== undefined) return [`would take them from ${title}`];
    return [`would run: make ${makeArguments(ctx, product.folder).join(' ')}`, `because no build with the key ${shortKey(ctx)} is in ${path.dirname(need(ctx, 'build').folder)}`];
  },
};

async function make(ctx: Context, partial: string): Promise<void> {
  const { object } = ctx.results.prebuilt ?? {};
  const file = path.join(partial, bpfProduct(need(ctx, 'build')).file);
  if (object === undefined) {
    await runMake(ctx, makeArguments(ctx, partial), TARGET);
    await refuseGarbage(ctx, () => readObject(ctx, file), 'KM_BPF_GARBAGE', 'make and clang reported success, but left no eBPF object');
  } else {
    await refuseGarbage(ctx, async () => object, 'KM_BUNDLE_FILE', `${ctx.results.prebuilt?.title ?? 'the bundle'} holds no eBPF object`);
    await placeFile(ctx, file, object);
  }
}

async function readObject({ sys }: Context, file: string): Promise<Uint8Array> {
  if ((await sys.stat(file)) === undefined) throw new ProbeError(file, 'empty', 'it is not there');
  return sys.readBytes(file, MAX_OBJECT_BYTES);
}

/** What is kept is used by every start to come: it has to be programs at least. */
async function refuseGarbage(ctx: Context, read: () => Promise<Uint8Array>, code: ErrorCode, what: string): Promise<void> {
  try {
    checkBpfObject(await read());
  } catch (error) {
    if (error instanceof ProbeError) throw failure(ctx, code, `${what}: ${error.message}`, { cause: error });
    throw failure(ctx, 'KM_STATE_DIR', `the eBPF object cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

const shortKey = (ctx: Context): string => need(ctx, 'build').key.slice(0, 12);

function makeArguments(ctx: Context, output: string): readonly string[] {
  const bpf = path.join(ctx.root, 'bpf');
  return ['--no-print-directory', '-C', bpf, jobsArgument(ctx, BPF_BYTES_PER_JOB), `O=${output}`, `KMESH_GENERATED=${need(ctx, 'build').include}`, 'CLANG=clang'];
}
