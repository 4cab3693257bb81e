// SPDX-License-Identifier: Apache-2.0

/** What execve(2) answers, in words of a user. */
const BY_ERRNO: Readonly<Record<string, string>> = {
  ENOENT: 'it, or the program interpreter that it names, is not there',
  EACCES: 'it may not be executed (a mount with noexec, or its permissions)',
  EPERM: 'it may not be executed (a mount with noexec, or a security module)',
  ENOEXEC: 'it is not a program for this processor',
  ELIBBAD: 'the program interpreter that it names cannot be used',
};

/** The dynamic linker's own words (glibc, elf/dl-load.c and elf/dl-version.c; musl, ldso/dynlink.c). */
const BY_LINKER = /version [`'](\S+)' not found|error while loading shared libraries: ([^:]+):|Error loading shared library ([^:]+):/;

/**
 * Why a program could not begin its work; undefined: it did, however it ended. A shell and the dynamic linker say so by
 * 126 and 127.
 *
 * @param errno name of what starting it gave
 * @param tail its last lines
 */
export function startTrouble(errno: string | undefined, exit: { readonly code?: number | undefined; readonly signal?: string | undefined }, tail: readonly string[]): string | undefined {
  if (errno !== undefined) return BY_ERRNO[errno] ?? `it cannot be started (${errno})`;
  if (exit.signal !== undefined) return `it was ended by ${exit.signal}`;
  for (const line of tail) {
    const [, version, library, other] = BY_LINKER.exec(line) ?? [];
    if (version !== undefined) return `it needs ${version}, which the C library here does not have`;
    if (library !== undefined || other !== undefined) return `it needs the library ${library ?? other}, which is not here`;
  }
  return exit.code === 126 || exit.code === 127 ? `it ended with ${exit.code}` : undefined;
}
