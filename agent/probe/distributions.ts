// SPDX-License-Identifier: Apache-2.0
import { gccPackage, type KernelCompiler } from './kernelCompiler.js';
import type { OsRelease } from './osRelease.js';
import { parseRelease } from './release.js';

/** What this project may need from a distribution. */
export type Need = 'kernelHeaders' | 'uapiHeaders' | 'clang' | 'make' | 'libbpf' | 'gcc' | 'kmod';

/** Package names of one distribution. */
export interface Packages {
  /** Headers to build modules for kernel `release`: provides /lib/modules/R/build. */
  readonly kernelHeaders: (release: string) => string;
  /** Provides /usr/include/linux/bpf.h. */
  readonly uapiHeaders: string;
  readonly clang: string;
  readonly make: string;
  /** Provides bpf/bpf_helpers.h and libbpf.so. */
  readonly libbpf: string;
  readonly gcc: string;
  /** Provides insmod and rmmod. */
  readonly kmod: string;
}

export interface Distribution {
  readonly family: string;
  /** Values of ID in os-release that mean this row. */
  readonly ids: readonly string[];
  /** Words before the package names; undefined: nothing can be installed on the host. */
  readonly install?: readonly string[];
  readonly packages?: Packages;
  /** What to do instead, where there are no packages. */
  readonly withoutPackages?: string;
}

/** By the release, which names who built the kernel: Raspberry Pi OS before 12 has one package for all, Proxmox VE its own names. */
function debianHeaders(release: string): string {
  if (/-v\d+l?\+$/.test(release)) return 'raspberrypi-kernel-headers';
  return `${release.endsWith('-pve') ? 'proxmox' : 'linux'}-headers-${release}`;
}

const DEBIAN_PACKAGES: Packages = {
  kernelHeaders: debianHeaders,
  uapiHeaders: 'linux-libc-dev',
  clang: 'clang',
  make: 'make',
  libbpf: 'libbpf-dev',
  gcc: 'gcc',
  kmod: 'kmod',
};

/** What every such package provides, whatever its own name is. */
const byUname = (release: string): string => `"kernel-devel-uname-r == ${release}"`;

/** A variant of the kernel stands behind a plus sign and is a package of its own: R+debug, R+rt, R+64k, R+64k-debug (kernel.spec). */
function rpmHeaders(release: string): string {
  if (release.includes('.elrepo.')) return byUname(release);
  const [, base = release, variant] = /^(.*)\+([a-z0-9-]+)$/.exec(release) ?? [];
  return `kernel-${variant === undefined ? '' : `${variant}-`}devel-${base}`;
}

const RPM_PACKAGES: Packages = {
  kernelHeaders: rpmHeaders,
  uapiHeaders: 'kernel-headers',
  clang: 'clang',
  make: 'make',
  libbpf: 'libbpf-devel',
  gcc: 'gcc',
  kmod: 'kmod',
};

/** Names differ with the kernel stream (kernel-devel, kernel6.12-devel); all provide this. */
const AMAZON_PACKAGES: Packages = { ...RPM_PACKAGES, kernelHeaders: byUname };

const SUSE_PACKAGES: Packages = {
  ...RPM_PACKAGES,
  // One package for each flavour. Its version has a rebuild number that uname -r does not show, so it is left out.
  kernelHeaders: (release) => `kernel-${parseRelease(release)?.flavour || 'default'}-devel`,
  uapiHeaders: 'linux-glibc-devel',
};

/** Oracle Linux runs RHEL's kernel or its own (UEK), each with its own package. */
const ORACLE_PACKAGES: Packages = {
  ...RPM_PACKAGES,
  kernelHeaders: (release) => `kernel-${release.includes('uek') ? 'uek-' : ''}devel-${release}`,
};

const APT = ['apt-get', 'install'];
const DNF = ['dnf', 'install'];

/** In order of preference: the first row that holds the ID, or else a word of ID_LIKE, is taken. */
export const DISTRIBUTIONS: readonly Distribution[] = [
  { family: 'debian', ids: ['debian', 'raspbian'], install: APT, packages: DEBIAN_PACKAGES },
  { family: 'ubuntu', ids: ['ubuntu'], install: APT, packages: DEBIAN_PACKAGES },
  { family: 'openeuler', ids: ['openeuler'], install: DNF, packages: RPM_PACKAGES },
  { family: 'amazon', ids: ['amzn'], install: ['yum', 'install'], packages: AMAZON_PACKAGES },
  { family: 'rhel', ids: ['rhel', 'centos', 'rocky', 'almalinux'], install: DNF, packages: RPM_PACKAGES },
  { family: 'oracle', ids: ['ol'], install: DNF, packages: ORACLE_PACKAGES },
  { family: 'fedora', ids: ['fedora'], install: DNF, packages: RPM_PACKAGES },
  {
    family: 'suse-transactional',
    ids: ['sl-micro', 'sle-micro', 'suse-microos', 'opensuse-microos', 'opensuse-leap-micro'],
    install: ['transactional-update', 'pkg', 'install'],
    packages: SUSE_PACKAGES,
  },
  {
    family: 'suse',
    ids: ['sles', 'sled', 'opensuse', 'opensuse-leap', 'opensuse-tumbleweed', 'suse'],
    install: ['zypper', 'install'],
    packages: SUSE_PACKAGES,
  },
  {
    family: 'flatcar',
    ids: ['flatcar'],
    withoutPackages: 'Flatcar has no package manager: take it from the developer container of the same Flatcar release, and map it into the agent (--kernel-headers) or compile kmesh.ko there (--module)',
  },
  {
    family: 'cos',
    ids: ['cos'],
    withoutPackages: 'Container-Optimized OS has no package manager: take it from the cos-tools files of the same COS build (kernel-headers.tgz, toolchain.tar.xz), unpack them and name the folder by --kernel-headers',
  },
];

export const UNKNOWN_DISTRIBUTION: Distribution = { family: 'unknown', ids: [] };

export function distributionOf(osRelease: OsRelease | undefined): Distribution {
  const ids = osRelease === undefined ? [] : [osRelease.id, ...osRelease.idLike];
  for (const id of ids) {
    const row = DISTRIBUTIONS.find((distribution) => distribution.ids.includes(id));
    if (row !== undefined) return row;
  }
  return UNKNOWN_DISTRIBUTION;
}

const DESCRIPTIONS: Record<Need, string> = {
  kernelHeaders: 'the kernel headers of exactly the running release (what provides the folder "build" in /lib/modules/RELEASE)',
  uapiHeaders: "the kernel's uapi headers (what provides /usr/include/linux/bpf.h)",
  clang: 'clang with the bpf target',
  make: 'GNU make',
  libbpf: 'libbpf with its headers (what provides bpf/bpf_helpers.h)',
  gcc: 'the C compiler that built the kernel, or a newer one',
  kmod: 'insmod and rmmod',
};

/**
 * How to get `need` on this distribution: a command where the package is known, else what to look for.
 * @param release `uname -r`; one that is no kernel release never ends up in a command
 */
export function installRemedy(distribution: Distribution, need: Need, release: string): string {
  const safeRelease = parseRelease(release)?.release;
  const description = DESCRIPTIONS[need];
  const { packages, install, withoutPackages } = distribution;
  if (withoutPackages !== undefined) return `${description}: ${withoutPackages}`;
  if (packages === undefined || install === undefined || (need === 'kernelHeaders' && safeRelease === undefined)) {
    return `install ${description} with the package manager of this distribution`;
  }
  const name = need === 'kernelHeaders' ? packages.kernelHeaders(safeRelease ?? '') : packages[need];
  return [...install, name].join(' ');
}

/** How to get the compiler that built the kernel: the very version where the distribution has a package of it. */
export function compilerRemedy(distribution: Distribution, compiler: KernelCompiler | undefined, release: string): string {
  const { packages, install } = distribution;
  const versioned = packages === DEBIAN_PACKAGES && install !== undefined;
  if (compiler?.family === 'clang') {
    const suffix = versioned && compiler.major !== undefined ? `-${compiler.major}` : '';
    const names = [`clang${suffix}`, ...(compiler.lld === true ? [`lld${suffix}`, `llvm${suffix}`] : [])];
    return install === undefined ? installRemedy(distribution, 'clang', release) : [...install, ...names].join(' ');
  }
  const exact = compiler === undefined ? undefined : (gccPackage(compiler) ?? (compiler.major === undefined ? undefined : `gcc-${compiler.major}`));
  return exact === undefined || !versioned ? installRemedy(distribution, 'gcc', release) : [...install, exact].join(' ');
}
