// SPDX-License-Identifier: Apache-2.0
import { buildJobs } from '../build/jobs.js';
import { type Context, need } from '../context.js';
import type { ErrorCode } from '../errors.js';
import { ExecError } from '../exec.js';
import { countMemoryKills } from '../gather/ownCgroup.js';
import { runTool, toolFailure } from '../tool.js';

/** Counts kills for memory on the whole machine (`oom_kill`, since 4.13). */
const MACHINE_EVENTS = ['/proc/vmstat'];

/** `-jN` for this node. @param bytesPerJob what one compiler needs at most */
export function jobsArgument(ctx: Context, bytesPerJob: number): string {
  const { cpuLimit, memoryLimitBytes } = need(ctx, 'kernel');
  return `-j${buildJobs({ cpus: ctx.sys.cpus, cpuLimit, memoryLimitBytes }, bytesPerJob)}`;
}

/** What is built, and how its failure is told. */
export interface MakeTarget {
  /** For messages: `the eBPF programs`. */
  readonly title: string;
  /** When make or the compiler refuses it. */
  readonly refused: ErrorCode;
  readonly timeoutMs: number;
}

/** Runs make. @throws one error for each way in which a build fails */
export async function runMake(ctx: Context, args: readonly string[], { title, refused, timeoutMs }: MakeTarget): Promise<void> {
  const events = need(ctx, 'kernelFiles').memoryEventFiles;
  const [ownBefore, allBefore] = [await countMemoryKills(ctx.sys, events), await countMemoryKills(ctx.sys, MACHINE_EVENTS)];
  try {
    await runTool(ctx, 'make', args, timeoutMs);
  } catch (error) {
    if (!(error instanceof ExecError)) throw toolFailure(ctx, refused, `${title} could not be compiled`, error);
    const { errno, timedOut, tail } = error.failure;
    const own = (await countMemoryKills(ctx.sys, events)) - ownBefore;
    // Without a limit of its own the compiler is killed when the machine is full: but others may be, too.
    const byMachine = (await countMemoryKills(ctx.sys, MACHINE_EVENTS)) - allBefore > 0 && tail.some((line) => /\bkilled\b/i.test(line));
    if (own > 0 || byMachine) throw toolFailure(ctx, 'KM_BUILD_MEMORY', `out of memory while compiling ${title}: ${own > 0 ? limitText(ctx) : 'the machine is full'}`, error);
    if (errno !== undefined) throw toolFailure(ctx, 'KM_MAKE_MISSING', 'make', error);
    if (timedOut) throw toolFailure(ctx, 'KM_BUILD_TIMEOUT', title, error);
    if (tail.some((line) => line.includes('No space left on device'))) throw toolFailure(ctx, 'KM_STATE_DIR', `no space is left for ${title}`, error);
    throw toolFailure(ctx, refused, `${title} could not be compiled`, error);
  }
}

/** The limit that was reached, and the file to set it in. */
function limitText(ctx: Context): string {
  const { memoryLimitBytes } = need(ctx, 'kernel');
  const file = need(ctx, 'kernelFiles').memoryLimitFile;
  return memoryLimitBytes === undefined || file === undefined ? 'the limit cannot be seen from here' : `limit ${Math.round(memoryLimitBytes / 2 ** 20)} MiB, at ${file}`;
}
