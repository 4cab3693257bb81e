// SPDX-License-Identifier: Apache-2.0

/** Exit codes, one for each class of failure; docs/errors.md explains them to users. */
export const EXIT_CODES = {
  internal: 1,
  usage: 2,
  kernel: 10,
  helpers: 11,
  build: 12,
  module: 13,
  mounts: 14,
  daemon: 15,
  privileges: 16,
  requirement: 17,
  state: 18,
  status: 19,
  unhealthy: 20,
  cluster: 21,
  cni: 22,
  // As shells, tini and catatonit tell it.
  'not executable': 126,
  'not found': 127,
} as const;

export type FailureClass = keyof typeof EXIT_CODES;

/** What remedies say differently on each distribution: a command such as "apt-get install clang", or what to look for. */
export interface InstallHints {
  readonly clang: string;
  readonly make: string;
  readonly uapiHeaders: string;
  readonly kernelHeaders: string;
  readonly gcc: string;
  readonly kmod: string;
}

export const NEUTRAL_HINTS: InstallHints = {
  clang: 'the package that brings clang',
  make: 'the package that brings make',
  uapiHeaders: "the package of the kernel's uapi headers",
  kernelHeaders: 'the package of the headers for exactly this kernel',
  gcc: 'the package of the compiler that built the kernel',
  kmod: 'the package that brings insmod and rmmod',
};

/** A kind of failure. */
export interface ErrorEntry {
  readonly class: FailureClass;
  /** What is wrong in general; the error's own text says what it was this time. */
  readonly cause: string;
  readonly remedy: string | ((hints: InstallHints) => string);
}

export type ErrorTable = Readonly<Record<`KM_${string}`, ErrorEntry>>;
