// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from '../context.js';
import { ExecError } from '../exec.js';
import type { HeaderTree } from '../gather/headerTree.js';
import { type Demand, demandsOn, versionDemands } from '../probe/compilerRules.js';
import { compilerMajor } from '../probe/kernelCompiler.js';
import type { Toolchain } from '../results.js';
import { runTool } from '../tool.js';

const MODULE_BTF = 'CONFIG_DEBUG_INFO_BTF_MODULES';

/**
 * Asks the compiler whether it knows what the kernel's configuration will have kbuild pass to it. One that differs from
 * the kernel's and does is told in the log and used.
 *
 * @returns words for make: without pahole kbuild would fail where the headers come with a vmlinux (scripts/Makefile.modfinal: cmd_btf_ko)
 * @throws KM_MODULE_COMPILER_MISMATCH naming every option that is missing, and the setting that demands it
 */
export async function checkCompiler(ctx: Context, { compiler, config }: HeaderTree, { program, version, makeWords }: Toolchain): Promise<readonly string[]> {
  if (compiler === undefined || config === undefined) return [];
  const missing = [...versionDemands(config, compiler, compilerMajor(version)), ...(await missingOptions(ctx, program, demandsOn(config, compiler.family)))];
  const linker = makeWords.map((word) => /^LD=(.*)$/.exec(word)?.[1]).find((one) => one !== undefined) ?? (makeWords.includes('LLVM=1') ? 'ld.lld' : undefined);
  if (linker !== undefined && !(await runs(ctx, linker, ['--version']))) missing.push(`CONFIG_LD_IS_LLD: the linker ${linker} is not here`);
  const builtBy = compiler.version ?? 'a compiler that its headers do not name';
  if (missing.length > 0) {
    throw failure(ctx, 'KM_MODULE_COMPILER_MISMATCH', `the kernel was built by ${builtBy}; ${program} here (${version}) does not have what it demands: ${missing.join('; ')}`);
  }
  if (compiler.version !== undefined && compiler.version !== version) ctx.log.info(`the kernel was built by ${compiler.version}; ${program} (${version}) has what it demands and is used`);
  if (config.get(MODULE_BTF) !== 'y' || (await runs(ctx, 'pahole', ['--version']))) return [];
  ctx.log.info('pahole is not here: kmesh.ko has no BTF of its own, which it does not need');
  return [`${MODULE_BTF}=`];
}

/** All options at once; one by one only when that fails. */
async function missingOptions(ctx: Context, program: string, demands: readonly Demand[]): Promise<string[]> {
  if (demands.length === 0 || (await knows(ctx, program, demands.flatMap(({ options }) => options)))) return [];
  const missing: string[] = [];
  for (const { symbol, options } of demands) {
    if (!(await knows(ctx, program, options))) missing.push(`${options.join(' ')} (${symbol})`);
  }
  return missing;
}

/** -Werror: clang only warns of some options that it does not know. */
const knows = (ctx: Context, program: string, options: readonly string[]): Promise<boolean> => runs(ctx, program, ['-Werror', ...options, '-x', 'c', '-S', '-o', '/dev/null', '/dev/null']);

async function runs(ctx: Context, program: string, args: readonly string[]): Promise<boolean> {
  try {
    await runTool(ctx, program, args);
    return true;
  } catch (error) {
    if (error instanceof ExecError && !ctx.stop.aborted) return false;
    throw error;
  }
}
