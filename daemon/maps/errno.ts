// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os';

/** ENOTSUPP of include/linux/errno.h: the kernel's own, which libc does not know. */
export const ENOTSUPP = 524;

// Reversed, so that of two names for one number the first counts: EAGAIN, not EWOULDBLOCK.
const NAMES = new Map<number, string>([...Object.entries(constants.errno)].reverse().map(([name, number]) => [number, name]));
NAMES.set(ENOTSUPP, 'ENOTSUPP');

/** `E2BIG` for 7; `errno 4003` for one of libbpf's own (enum libbpf_errno). */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}
