// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import { ExecError } from '../exec.js';
import type { KernelCompiler } from '../probe/kernelCompiler.js';
import type { Toolchain } from '../results.js';
import { runTool } from '../tool.js';

/** The compiler that built the kernel where it is there, else the system's own one of the family; undefined: neither. */
export async function findToolchain(ctx: Context, compiler: KernelCompiler): Promise<Toolchain | undefined> {
  for (const program of programs(compiler)) {
    const version = await versionOf(ctx, program);
    if (version === undefined) continue;
    // LLVM=1 names clang and the other tools of LLVM together (Documentation/kbuild/llvm.rst).
    return { program, version, makeWords: compiler.family === 'clang' ? ['LLVM=1'] : [`CC=${program}`] };
  }
  return undefined;
}

function programs({ family, program }: KernelCompiler): readonly string[] {
  if (family === 'clang') return ['clang'];
  return program === undefined || program === 'gcc' ? ['gcc'] : [program, 'gcc'];
}

async function versionOf(ctx: Context, program: string): Promise<string | undefined> {
  try {
    return (await runTool(ctx, program, ['--version'])).stdout.split('\n')[0];
  } catch (error) {
    if (error instanceof ExecError && !ctx.stop.aborted) return undefined;
    throw error;
  }
}
