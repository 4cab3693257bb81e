// SPDX-License-Identifier: Apache-2.0

/** Bits of the capabilities that the agent asks about (include/uapi/linux/capability.h). */
export const CAPABILITY_BITS = { CAP_SETGID: 6n, CAP_SYS_MODULE: 16n, CAP_SYS_ADMIN: 21n } as const;

export type ProcessCapability = keyof typeof CAPABILITY_BITS;

/** Whether a process has a capability in its effective set. @param status text of /proc/PID/status */
export function hasCapability(status: string, name: ProcessCapability): boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return ((effective >> CAPABILITY_BITS[name]) & 1n) === 1n;
}
