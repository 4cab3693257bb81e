// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { MODULE_BYTES_PER_JOB } from '../build/jobs.js';
import { situationOf } from '../capabilityReport.js';
import { jobsArgument, type MakeTarget, runMake } from '../compile/make.js';
import { inState, isWhole, placeFile, productFile, provide } from '../compile/sealed.js';
import { moduleProduct } from '../compile/shelf.js';
import { type Context, failure, need } from '../context.js';
import { listSources } from '../gather/buildInputs.js';
import { readModuleFile } from '../gather/moduleFile.js';
import { checkCompiler } from '../module/compilerFit.js';
import { checkHeaderTools } from '../module/headerTools.js';
import { signModule } from '../module/signing.js';
import type { Phase } from '../phase.js';
import { unknown } from '../probe/fact.js';
import { buildObstacles, kernelObstacles, loadObstacles, type Obstacle } from '../probe/l7.js';
import { ProbeError } from '../probe/probeError.js';
import type { Toolchain } from '../results.js';

const TARGET: MakeTarget = { title: 'kmesh.ko', refused: 'KM_MODULE_COMPILE', timeoutMs: 20 * 60_000 };

/** Compiles kmesh.ko, which routes HTTP, against the headers of the running kernel. */
export const compileModule: Phase = {
  name: 'compile-module',
  summary: 'compile the kernel module kmesh.ko for HTTP routing, unless this very build is there already',
  serves: 'l7-http',
  async when(ctx) {
    const { unusable, misnamed, obstacles } = await lookAround(ctx);
    return obstacles.length === 0 || unusable !== undefined || misnamed !== undefined ? undefined : { skip: reasons(obstacles) };
  },
  async run(ctx) {
    const { given, unusable, misnamed, obstacles } = await lookAround(ctx);
    if (misnamed !== undefined) throw misnamed;
    if (unusable !== undefined && obstacles.length > 0) throw unusable;
    if (unusable !== undefined) ctx.log.warn(`${unusable.message}; kmesh.ko is compiled instead`);
    if (given !== undefined) ctx.log.info(`${given.path} is used; nothing to compile`);
    ctx.results.module = given ?? (await readModuleFile(ctx.sys, await compiled(ctx)));
  },
  async plan(ctx) {
    const { given, unusable, misnamed, obstacles } = await lookAround(ctx);
    if (misnamed !== undefined) return [`would fail: ${misnamed.message}`];
    if (given !== undefined) return [`nothing to compile: ${given.path} is used`];
    const refused = unusable === undefined ? [] : [unusable.message];
    if (obstacles.length > 0) return [...refused, `would be skipped: ${reasons(obstacles)}`];
    const product = moduleProduct(need(ctx, 'build'));
    if (await isWhole(ctx, product)) return [...refused, `nothing to compile: ${productFile(product)} is there and whole`];
    const { module, title } = ctx.results.prebuilt ?? {};
    if (module?.bytes !== undefined) return [...refused, `would take kmesh.ko from ${title}`];
    return [...refused, `would copy ${path.join(ctx.root, 'kernel')} and run: make ${makeArguments(ctx, path.join(product.folder, 'kernel'), toolchain(ctx).makeWords).join(' ')}`];
  },
};

/** What there is to build from, and what is in the way. */
async function lookAround(ctx: Context) {
  const facts = need(ctx, 'kernel');
  const situation = await situationOf(ctx, unknown('the programs are not in force yet'));
  const found = ctx.results.givenModule;
  const given = found !== undefined && 'file' in found ? found.file : undefined;
  const unusable = found !== undefined && 'unusable' in found ? found.unusable : undefined;
  const building = !situation.moduleGiven ? buildObstacles(facts, situation) : [];
  const { problem, namedBy } = need(ctx, 'kernelFiles').headerTree;
  // A place that the user named and that is unfit is a failure, not a reason to do without.
  const signing = ctx.results.signing;
  const misnamed = given === undefined && signing !== undefined && 'unusable' in signing ? signing.unusable : given !== undefined || ctx.results.prebuilt?.module?.bytes !== undefined || problem === undefined || namedBy === undefined ? undefined : failure(ctx, problem.code, problem.detail);
  return { given, unusable, misnamed, obstacles: [...kernelObstacles(facts), ...loadObstacles(facts, situation), ...building] };
}

const reasons = (obstacles: readonly Obstacle[]): string => obstacles.map(({ reason }) => reason).join('; ');

/** @returns path of kmesh.ko */
async function compiled(ctx: Context): Promise<string> {
  const product = moduleProduct(need(ctx, 'build'));
  const key = need(ctx, 'build').key.slice(0, 12);
  const made = await provide(ctx, product, (partial) => make(ctx, partial));
  if (!made) ctx.log.info({ key }, `kmesh.ko of build ${key} is there already`);
  return productFile(product);
}

async function make(ctx: Context, partial: string): Promise<void> {
  const bytes = ctx.results.prebuilt?.module?.bytes;
  if (bytes === undefined) await compile(ctx, partial);
  else await placeFile(ctx, path.join(partial, 'kmesh.ko'), bytes);
}

/** kbuild writes beside its sources, which may be on a read-only file system: it gets a copy of them. */
async function compile(ctx: Context, partial: string): Promise<void> {
  const copy = path.join(partial, 'kernel');
  const tools = toolchain(ctx);
  const { headerTree } = need(ctx, 'kernelFiles');
  await checkHeaderTools(ctx, headerTree);
  const more = await checkCompiler(ctx, headerTree, tools);
  await inState(ctx, () => copySources(ctx, copy));
  await runMake(ctx, makeArguments(ctx, copy, [...tools.makeWords, ...more]), TARGET);
  if (ctx.results.signing !== undefined) await signModule(ctx, ctx.results.signing, path.join(copy, 'kmesh.ko'));
  await inState(ctx, async () => {
    await ctx.sys.rename(path.join(copy, 'kmesh.ko'), path.join(partial, 'kmesh.ko'));
    await ctx.sys.removeTree(copy);
  });
  await refuseGarbage(ctx, path.join(partial, 'kmesh.ko'));
}

/** What is kept is used by every start to come: it has to be a module at least. */
async function refuseGarbage(ctx: Context, file: string): Promise<void> {
  try {
    await readModuleFile(ctx.sys, file);
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    throw failure(ctx, 'KM_MODULE_COMPILE', `make reported success, but left no kernel module: ${error.message}`, { cause: error });
  }
}

async function copySources({ sys, root }: Context, copy: string): Promise<void> {
  const from = path.join(root, 'kernel');
  for (const file of await listSources(sys, from)) {
    await sys.makeFolders(path.dirname(path.join(copy, file)));
    await sys.copyFile(path.join(from, file), path.join(copy, file));
  }
}

function toolchain(ctx: Context): Toolchain {
  const { toolchain: found, kernelFiles } = ctx.results;
  const builtBy = kernelFiles?.headerTree.compiler?.version ?? 'a compiler that its headers do not name';
  if (found === undefined) throw failure(ctx, 'KM_MODULE_COMPILER', `the kernel was built by ${builtBy}; neither it nor another one of its family is here`);
  return found;
}

function makeArguments(ctx: Context, copy: string, more: readonly string[]): readonly string[] {
  const { folder = '', makeWords: place = ['-C', folder] } = need(ctx, 'kernelFiles').headerTree;
  const words = [`M=${copy}`, `KMESH_INCLUDE=${path.join(ctx.root, 'bpf/include')}`, ...more];
  // -s: what remains are the compiler's own messages, and the last lines of those are the error.
  return ['-s', '--no-print-directory', ...place, ...words, jobsArgument(ctx, MODULE_BYTES_PER_JOB), 'modules'];
}
