// SPDX-License-Identifier: Apache-2.0

/** The compiler that built a kernel, by its own configuration. */
export interface KernelCompiler {
  readonly family: 'gcc' | 'clang';
  /** Program name where the configuration has one, such as gcc-12 or x86_64-linux-gnu-gcc-14. */
  readonly program: string | undefined;
  /** Its whole version text, for people. */
  readonly version: string | undefined;
  /** undefined: the configuration does not tell. */
  readonly major?: number | undefined;
  /** The kernel was linked by ld.lld. */
  readonly lld?: boolean | undefined;
}

/**
 * @param config options of include/config/auto.conf in the header tree. CONFIG_CC_VERSION_TEXT is the first line of
 *   `CC --version` (init/Kconfig): it begins with the name by which gcc was called, while clang puts its vendor first.
 *   CONFIG_GCC_VERSION and CONFIG_CLANG_VERSION are 10000 * major + 100 * minor + patch, and 0 for the other family
 */
export function kernelCompiler(config: ReadonlyMap<string, string>): KernelCompiler {
  const version = config.get('CONFIG_CC_VERSION_TEXT');
  const family = config.get('CONFIG_CC_IS_CLANG') === 'y' ? 'clang' : 'gcc';
  const number = Number(config.get(family === 'gcc' ? 'CONFIG_GCC_VERSION' : 'CONFIG_CLANG_VERSION') ?? '0');
  const major = number > 0 ? Math.floor(number / 10_000) : compilerMajor(version ?? '');
  const program = /^((?:[A-Za-z0-9_]+-)*gcc(?:-\d+(?:\.\d+)*)?) /.exec(version ?? '')?.[1];
  return { family, program: family === 'gcc' ? program : undefined, version, major, lld: config.get('CONFIG_LD_IS_LLD') === 'y' };
}

/** Of the first line of `CC --version`: `gcc-12 (Debian 12.2.0-14) 12.2.0`, `Ubuntu clang version 14.0.0-1ubuntu1`. */
export function compilerMajor(line: string): number | undefined {
  const digits = /clang version (\d+)\./.exec(line)?.[1] ?? /\) (\d+)\.\d/.exec(line)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The package name that Debian and Ubuntu give a versioned gcc; undefined: any gcc will do. */
export function gccPackage(compiler: KernelCompiler): string | undefined {
  return /(?:^|-)(gcc-\d+)$/.exec(compiler.program ?? '')?.[1];
}

/** A compiler that is there. */
export interface Installed {
  readonly program: string;
  /** First line of its `--version`. */
  readonly version: string;
}

/**
 * The best of several compilers of the kernel's family: the same major version, else the nearest newer one, which knows
 * every option of the kernel's, else the nearest older one. The program that built the kernel comes first among equals.
 */
export function bestCompiler(kernel: KernelCompiler, installed: readonly Installed[]): Installed | undefined {
  const distance = ({ version }: Installed): number => {
    const major = compilerMajor(version);
    if (kernel.major === undefined || major === undefined) return OLDER;
    return major >= kernel.major ? major - kernel.major : OLDER + kernel.major - major;
  };
  const named = ({ program }: Installed): number => (program === kernel.program ? 0 : 1);
  return [...installed].sort((a, b) => distance(a) - distance(b) || named(a) - named(b))[0];
}

/** More than there are versions: every newer compiler is nearer than the nearest older one. */
const OLDER = 1000;

/** The number behind the name of a versioned program, with its dash: `-15`; empty for a plain one. */
export const programSuffix = (program: string): string => /-\d+$/.exec(program)?.[0] ?? '';
