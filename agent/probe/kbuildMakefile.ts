// SPDX-License-Identifier: Apache-2.0

/** A Makefile that only leads to the one of the kernel's sources. */
export interface Redirect {
  /** Path as written; relative ones are relative to the folder that make runs in. */
  readonly include: string;
  /** It names its own folder as the place of the output. */
  readonly setsOutput: boolean;
}

/** Those of Debian and SUSE have one to five lines; the kernel's own has two thousand. */
const MAX_LINES = 12;

const INCLUDE = /^include\s+([^\s$]+)$/;
const OUTPUT = /^(?:export\s+)?KBUILD_OUTPUT\s*[:?]?=/;

/**
 * The Makefile of a header tree that is apart from its sources: Debian's `include /usr/src/linux-headers-V-common/Makefile`,
 * SUSE's and the kernel's own "Automatically generated" one. undefined: it is none.
 */
export function redirectOf(makefile: string): Redirect | undefined {
  const lines = makefile.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length > MAX_LINES) return undefined;
  const include = lines.map((line) => INCLUDE.exec(line)?.[1]).find((one) => one !== undefined);
  return include === undefined ? undefined : { include, setsOutput: lines.some((line) => OUTPUT.test(line)) };
}
