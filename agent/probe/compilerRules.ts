// SPDX-License-Identifier: Apache-2.0
import type { KernelCompiler } from './kernelCompiler.js';

/** What a kernel's configuration demands of the compiler of its modules. */
interface Rule {
  /** One of these options is y, or has a value. Names of before and after a renaming stand together. */
  readonly symbols: readonly string[];
  /** Options that kbuild then passes; `N` is the value. Those of one family where they differ. */
  readonly gcc?: readonly string[];
  readonly clang?: readonly string[];
  /** Only where this is set too, or the kernel has another way. */
  readonly and?: string;
}

const both = (...options: string[]): Pick<Rule, 'gcc' | 'clang'> => ({ gcc: options, clang: options });

/**
 * Only what kbuild passes because the configuration says so, and without which it, the compiler or objtool fails: what it
 * asks the compiler for by itself (cc-option) cannot break. From the Makefiles of the kernel, 5.10 to 7.2: Makefile,
 * arch/x86/Makefile, arch/arm64/Makefile, scripts/Makefile.{kasan,kcsan,randstruct}.
 */
const RULES: readonly Rule[] = [
  { symbols: ['CONFIG_INIT_STACK_ALL_ZERO'], ...both('-ftrivial-auto-var-init=zero') },
  { symbols: ['CONFIG_INIT_STACK_ALL_PATTERN'], ...both('-ftrivial-auto-var-init=pattern') },
  { symbols: ['CONFIG_ZERO_CALL_USED_REGS'], ...both('-fzero-call-used-regs=used-gpr') },
  { symbols: ['CONFIG_STACKPROTECTOR_STRONG'], ...both('-fstack-protector-strong') },
  { symbols: ['CONFIG_FUNCTION_ALIGNMENT'], and: 'CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT', ...both('-fmin-function-alignment=N') },
  { symbols: ['CONFIG_RETPOLINE', 'CONFIG_MITIGATION_RETPOLINE'], gcc: ['-mindirect-branch=thunk-extern', '-mindirect-branch-register'], clang: ['-mretpoline-external-thunk'] },
  { symbols: ['CONFIG_RETHUNK', 'CONFIG_MITIGATION_RETHUNK'], ...both('-mfunction-return=thunk-extern') },
  { symbols: ['CONFIG_SLS', 'CONFIG_MITIGATION_SLS'], ...both('-mharden-sls=all') },
  { symbols: ['CONFIG_X86_KERNEL_IBT'], ...both('-fcf-protection=branch') },
  { symbols: ['CONFIG_CALL_PADDING'], ...both('-fpatchable-function-entry=16,16') },
  { symbols: ['CONFIG_SHADOW_CALL_STACK'], ...both('-fsanitize=shadow-call-stack', '-ffixed-x18') },
  { symbols: ['CONFIG_ARM64_BTI_KERNEL'], ...both('-mbranch-protection=pac-ret+bti') },
  { symbols: ['CONFIG_CFI_CLANG', 'CONFIG_CFI'], and: 'CONFIG_CC_IS_CLANG', clang: ['-fsanitize=kcfi'] },
  { symbols: ['CONFIG_KASAN'], ...both('-fsanitize=kernel-address') },
  { symbols: ['CONFIG_KCSAN'], ...both('-fsanitize=thread') },
  { symbols: ['CONFIG_DEBUG_INFO_DWARF5'], ...both('-gdwarf-5') },
  { symbols: ['CONFIG_DEBUG_INFO_COMPRESSED_ZSTD'], ...both('-gz=zstd') },
];

/** An option that the compiler has to know, and the setting of the kernel that demands it. */
export interface Demand {
  readonly symbol: string;
  readonly options: readonly string[];
}

/** @param family of the compiler that will be used */
export function demandsOn(config: ReadonlyMap<string, string>, family: KernelCompiler['family']): readonly Demand[] {
  return RULES.flatMap((rule) => {
    const symbol = rule.symbols.find((name) => !['n', '0', undefined].includes(config.get(name)));
    const options = rule[family];
    if (symbol === undefined || options === undefined || (rule.and !== undefined && config.get(rule.and) !== 'y')) return [];
    return [{ symbol, options: options.map((option) => option.replace('=N', `=${/^\d+$/.exec(config.get(symbol) ?? '')?.[0] ?? '16'}`)) }];
  });
}

/**
 * What no option shows: code that must come from the same major version.
 *
 * @param major of the compiler that will be used
 */
export function versionDemands(config: ReadonlyMap<string, string>, kernel: KernelCompiler, major: number | undefined): readonly string[] {
  const differs = kernel.major !== undefined && major !== undefined && major !== kernel.major;
  const needsSame = kernel.family === 'gcc' ? GCC_PLUGINS : ['CONFIG_LTO_CLANG'];
  const symbol = needsSame.find((name) => config.get(name) === 'y');
  return differs && symbol !== undefined ? [`${symbol}: only version ${kernel.major} of the compiler will do, not ${major}`] : [];
}

/** Plugins that work on every module. CONFIG_GCC_PLUGINS alone loads none. */
const GCC_PLUGINS = ['CONFIG_GCC_PLUGIN_STRUCTLEAK', 'CONFIG_GCC_PLUGIN_STACKLEAK', 'CONFIG_GCC_PLUGIN_RANDSTRUCT', 'CONFIG_GCC_PLUGIN_LATENT_ENTROPY', 'CONFIG_STACKPROTECTOR_PER_TASK_PLUGIN'];
