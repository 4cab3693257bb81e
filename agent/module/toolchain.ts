// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import { ExecError } from '../exec.js';
import { readIfThere } from '../gather/files.js';
import { bestCompiler, compilerMajor, type Installed, type KernelCompiler, programSuffix } from '../probe/kernelCompiler.js';
import type { Toolchain } from '../results.js';
import { runTool } from '../tool.js';

/**
 * The compiler that built the kernel where it is there, else the best one of its family; undefined: there is none. Asks
 * no more programs than it must, since every start does this.
 */
export async function findToolchain(ctx: Context, kernel: KernelCompiler): Promise<Toolchain | undefined> {
  const found = await likely(ctx, kernel);
  const best = bestCompiler(kernel, found.some((one) => isSame(kernel, one)) ? found : [...found, ...(await others(ctx, kernel, found))]);
  return best === undefined ? undefined : { ...best, makeWords: makeWords(kernel, best.program) };
}

/** Without a version of the kernel's compiler, whatever is called so is taken for it. */
const isSame = ({ major }: KernelCompiler, { version }: Installed): boolean => major === undefined || compilerMajor(version) === major;

/** Programs that are most probably it, up to the first that is. */
async function likely(ctx: Context, kernel: KernelCompiler): Promise<readonly Installed[]> {
  const { family, program, major } = kernel;
  const found: Installed[] = [];
  for (const name of new Set([...(program === undefined ? [] : [program]), family, ...(major === undefined ? [] : [`${family}-${major}`])])) {
    const version = await versionOf(ctx, name);
    if (version !== undefined) found.push({ program: name, version });
    if (found.some((one) => isSame(kernel, one))) break;
  }
  return found;
}

/** The versioned programs of the family in PATH. */
async function others(ctx: Context, { family }: KernelCompiler, known: readonly Installed[]): Promise<readonly Installed[]> {
  const names = new Set<string>();
  for (const folder of (ctx.sys.env['PATH'] ?? '').split(':').filter((one) => one.startsWith('/'))) {
    for (const name of (await readIfThere(() => ctx.sys.list(folder))) ?? []) if (VERSIONED[family].test(name)) names.add(name);
  }
  const found: Installed[] = [];
  for (const program of [...names].filter((name) => !known.some((one) => one.program === name))) {
    const version = await versionOf(ctx, program);
    if (version !== undefined) found.push({ program, version });
  }
  return found;
}

const VERSIONED = { gcc: /^gcc-\d{1,2}$/, clang: /^clang-\d{1,2}$/ } as const;

/** LLVM=1 names clang and the other tools of LLVM together; kernels before 5.18 take a suffix for a 1 (Documentation/kbuild/llvm.rst). */
function makeWords({ family, lld }: KernelCompiler, program: string): readonly string[] {
  if (family === 'gcc') return [`CC=${program}`, ...(lld === true ? ['LD=ld.lld'] : [])];
  if (lld !== true) return [`CC=${program}`];
  const suffix = programSuffix(program);
  if (suffix === '') return ['LLVM=1'];
  const tools = Object.entries(LLVM_TOOLS).map(([variable, tool]) => `${variable}=${tool}${suffix}`);
  return [`LLVM=${suffix}`, `CC=${program}`, ...tools];
}

const LLVM_TOOLS = { LD: 'ld.lld', AR: 'llvm-ar', NM: 'llvm-nm', STRIP: 'llvm-strip', OBJCOPY: 'llvm-objcopy', OBJDUMP: 'llvm-objdump', READELF: 'llvm-readelf' } as const;

async function versionOf(ctx: Context, program: string): Promise<string | undefined> {
  try {
    return (await runTool(ctx, program, ['--version'])).stdout.split('\n')[0];
  } catch (error) {
    if (error instanceof ExecError && !ctx.stop.aborted) return undefined;
    throw error;
  }
}
