// SPDX-License-Identifier: Apache-2.0

/** Under this folder a container sees the host's /usr. */
export const HOST_ROOT = '/host';

/** A path as it stands in the file system whose `/` is `root`. */
export interface Place {
  /** `''` or HOST_ROOT. */
  readonly root: string;
  readonly path: string;
}

/**
 * Where distributions put the header tree of a release, in the order worth trying. Of the host a container sees /usr,
 * and /lib/modules only where somebody mapped it.
 */
export function headerPlaces(release: string): readonly Place[] {
  const usual = [`/lib/modules/${release}/build`, `/lib/modules/${release}/source`, `/usr/src/linux-headers-${release}`, `/usr/src/kernels/${release}`];
  const host = [`/usr/lib/modules/${release}/build`, `/usr/lib/modules/${release}/source`, ...usual];
  return [...usual.map((path) => ({ root: '', path })), ...host.map((path) => ({ root: HOST_ROOT, path }))];
}

/** What kbuild reads of a tree when it builds an external module, besides Makefiles and headers. */
export const GENERATED_FILES = ['include/generated/autoconf.h', 'include/config/auto.conf', 'Module.symvers', 'scripts/basic/fixdep', 'scripts/mod/modpost'] as const;

/** Programs of a tree that kbuild runs; objtool only where the kernel's configuration has it. */
export function treeTools(config: ReadonlyMap<string, string>): readonly string[] {
  const objtool = ['CONFIG_OBJTOOL', 'CONFIG_STACK_VALIDATION'].some((name) => config.get(name) === 'y');
  return ['scripts/basic/fixdep', 'scripts/mod/modpost', ...(objtool ? ['tools/objtool/objtool'] : [])];
}
