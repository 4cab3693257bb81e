// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { z } from 'zod';
import { type Context, failure, need } from '../context.js';
import { ExecError } from '../exec.js';
import { countMemoryKills } from '../gather/ownCgroup.js';
import type { Phase } from '../phase.js';
import { runTool, toolFailure } from '../tool.js';

const OBJECT = 'kmesh.bpf.o';
/** Digest of the object, written last: what a power loss or a hand has damaged is compiled anew. */
const SEAL = 'sealed.json';
const MAKE_MS = 10 * 60_000;
/** What one clang needs at most for these programs; measured 90 MiB, with room to grow. */
const BYTES_PER_JOB = 160 * 2 ** 20;
/** Builds of other kernels or versions that are kept, so that a rollback starts warm. */
const KEPT_BUILDS = 3;

const seal = z.object({ sha256: z.string() });

/** Compiles the eBPF programs out of tree, unless the build folder of this key has them already. */
export const compileBpf: Phase = {
  name: 'compile-bpf',
  summary: 'compile the eBPF programs with make and clang, unless this very build is there already',
  async run(ctx) {
    if (await isComplete(ctx)) {
      ctx.log.info({ key: need(ctx, 'build').key }, `the eBPF programs of build ${shortKey(ctx)} are there already`);
      return;
    }
    await compile(ctx);
    await removeOldBuilds(ctx);
  },
  async plan(ctx) {
    const build = need(ctx, 'build');
    if (await isComplete(ctx)) return [`nothing to compile: ${build.objects}/${OBJECT} is there and whole`];
    return [`would run: make ${makeArguments(ctx, build.objects).join(' ')}`, `because no build with the key ${shortKey(ctx)} is in ${path.dirname(build.folder)}`];
  },
};

const shortKey = (ctx: Context): string => need(ctx, 'build').key.slice(0, 12);

async function isComplete({ sys, results }: Context): Promise<boolean> {
  const objects = results.build?.objects ?? '';
  try {
    const { sha256 } = seal.parse(JSON.parse(await sys.readText(path.join(objects, SEAL), 4096)));
    return sha256 === (await sys.sha256(path.join(objects, OBJECT)));
  } catch {
    // Whatever is wrong with it, the remedy is the same: compile.
    return false;
  }
}

/** Jobs for make: no more than the CPUs and the memory of the own cgroup carry. */
export function buildJobs(cpus: number, cpuLimit: number | undefined, memoryLimitBytes: number | undefined): number {
  const byCpu = Math.ceil(Math.min(cpus, cpuLimit ?? cpus));
  const byMemory = memoryLimitBytes === undefined ? byCpu : Math.floor(memoryLimitBytes / BYTES_PER_JOB);
  return Math.max(1, Math.min(byCpu, byMemory));
}

function makeArguments(ctx: Context, output: string): readonly string[] {
  const { cpuLimit, memoryLimitBytes } = need(ctx, 'kernel');
  const jobs = buildJobs(ctx.sys.cpus, cpuLimit, memoryLimitBytes);
  return ['--no-print-directory', '-C', path.join(ctx.root, 'bpf'), `-j${jobs}`, `O=${output}`, `KMESH_GENERATED=${need(ctx, 'build').include}`, 'CLANG=clang'];
}

/** Compiles into a folder beside the final one and renames it: a build is there as a whole or not at all. */
async function compile(ctx: Context): Promise<void> {
  const { objects } = need(ctx, 'build');
  const partial = `${objects}.partial`;
  await inState(ctx, () => ctx.sys.removeTree(partial));
  try {
    await runMake(ctx, makeArguments(ctx, partial));
    await inState(ctx, async () => {
      const object = path.join(partial, OBJECT);
      await ctx.sys.sync(object);
      await ctx.sys.writeFileAtomically(path.join(partial, SEAL), JSON.stringify({ sha256: await ctx.sys.sha256(object) }));
      await ctx.sys.removeTree(objects);
      await ctx.sys.rename(partial, objects);
    });
  } finally {
    await ctx.sys.removeTree(partial);
  }
}

async function runMake(ctx: Context, args: readonly string[]): Promise<void> {
  const events = need(ctx, 'kernelFiles').memoryEventFiles;
  const killedBefore = await countMemoryKills(ctx.sys, events);
  try {
    await runTool(ctx, 'make', args, MAKE_MS);
  } catch (error) {
    const killed = (await countMemoryKills(ctx.sys, events)) - killedBefore;
    if (killed > 0) throw toolFailure(ctx, 'KM_BUILD_MEMORY', 'out of memory while compiling the eBPF programs', error);
    if (error instanceof ExecError && error.failure.errno !== undefined) throw toolFailure(ctx, 'KM_MAKE_MISSING', 'make', error);
    if (error instanceof ExecError && error.failure.timedOut) throw toolFailure(ctx, 'KM_BUILD_TIMEOUT', 'the eBPF programs', error);
    if (error instanceof ExecError && error.failure.tail.some((line) => line.includes('No space left on device'))) {
      throw toolFailure(ctx, 'KM_STATE_DIR', 'no space is left for the eBPF programs', error);
    }
    throw toolFailure(ctx, 'KM_BPF_COMPILE', 'the eBPF programs were not compiled', error);
  }
}

async function inState<T>(ctx: Context, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(ctx, 'KM_STATE_DIR', `the build cannot be kept: ${(error as Error).message}`, { cause: error });
  }
}

/** Keeps the newest builds, so that years of kernel updates do not fill the disk. */
async function removeOldBuilds(ctx: Context): Promise<void> {
  const { folder, key } = need(ctx, 'build');
  const all = path.dirname(folder);
  const names = (await ctx.sys.list(all)).filter((name) => /^[0-9a-f]{64}$/.test(name) && name !== key);
  const aged = await Promise.all(names.map(async (name) => ({ name, modifiedMs: (await ctx.sys.stat(path.join(all, name)))?.modifiedMs ?? 0 })));
  const old = aged.sort((a, b) => b.modifiedMs - a.modifiedMs).slice(KEPT_BUILDS);
  for (const { name } of old) await ctx.sys.removeTree(path.join(all, name));
}
