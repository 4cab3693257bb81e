// SPDX-License-Identifier: Apache-2.0

/**
 * Why the kernel did not take a module.
 * format: compiled for another kernel; signature: it must be signed; symbol: it uses what this kernel does not export;
 * denied: the process may not load modules; exists: one of this name was loaded meanwhile; memory: none left;
 * init: the module's own start failed, or a reason of another kind.
 */
export type Refusal = 'format' | 'signature' | 'symbol' | 'denied' | 'exists' | 'memory' | 'init';

/** What insmod prints for the error of finit_module(2): kmod's own words or the C library's; busybox writes them small. */
const SAID_BY_INSMOD: readonly (readonly [RegExp, Refusal])[] = [
  [/invalid module format|exec format error|wrong symbol version/i, 'format'],
  [/required key not available|key was rejected|key has (expired|been revoked)/i, 'signature'],
  [/unknown symbol/i, 'symbol'],
  [/file exists/i, 'exists'],
  [/cannot allocate memory|out of memory/i, 'memory'],
  [/permission denied|operation not permitted/i, 'denied'],
];

/** The kernel says why it answers EPERM to a module without a signature (security/lockdown/lockdown.c, kernel/module/signing.c). */
const UNSIGNED = /unsigned module|loading of .* is rejected/i;

/**
 * @param said lines of insmod
 * @param logged what the kernel logged meanwhile; empty where that may not be read
 */
export function refusalOf(said: readonly string[], logged: readonly string[]): Refusal {
  const refusal = SAID_BY_INSMOD.find(([pattern]) => said.some((line) => pattern.test(line)))?.[1] ?? 'init';
  return refusal === 'denied' && logged.some((line) => UNSIGNED.test(line)) ? 'signature' : refusal;
}

/** Whether rmmod failed for a reason that passes: EAGAIN and EBUSY while references are given up, or kmod's own check of them. */
export function passesByItself(said: readonly string[]): boolean {
  return said.some((line) => /in use|resource temporarily unavailable|resource busy|would block/i.test(line));
}
