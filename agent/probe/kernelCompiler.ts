// SPDX-License-Identifier: Apache-2.0

/** The compiler that built a kernel, by its own configuration. */
export interface KernelCompiler {
  readonly family: 'gcc' | 'clang';
  /** Program name where the configuration has one, such as gcc-12 or x86_64-linux-gnu-gcc-14. */
  readonly program: string | undefined;
  /** Its whole version text, for people. */
  readonly version: string | undefined;
}

/**
 * @param config options of include/config/auto.conf in the header tree. CONFIG_CC_VERSION_TEXT is the first line of
 *   `CC --version` (init/Kconfig): it begins with the name by which gcc was called, while clang puts its vendor first
 */
export function kernelCompiler(config: ReadonlyMap<string, string>): KernelCompiler {
  const version = config.get('CONFIG_CC_VERSION_TEXT');
  if (config.get('CONFIG_CC_IS_CLANG') === 'y') return { family: 'clang', program: undefined, version };
  const program = /^((?:[A-Za-z0-9_]+-)*gcc(?:-\d+(?:\.\d+)*)?) /.exec(version ?? '')?.[1];
  return { family: 'gcc', program, version };
}

/** The package name that Debian and Ubuntu give a versioned gcc; undefined: any gcc will do. */
export function gccPackage(compiler: KernelCompiler): string | undefined {
  return /(?:^|-)(gcc-\d+)$/.exec(compiler.program ?? '')?.[1];
}
