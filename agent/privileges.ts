// SPDX-License-Identifier: Apache-2.0
import { KmeshError } from './errors.js';
import type { Sys } from './sys.js';

/** Bits of what the agent cannot do without (include/uapi/linux/capability.h). CAP_SYS_ADMIN includes CAP_BPF and its net part. */
const NEEDED = { CAP_SETGID: 6n, CAP_SYS_ADMIN: 21n } as const;

/** @throws KM_PRIVILEGES naming what is missing */
export async function requirePrivileges(sys: Sys): Promise<void> {
  if (sys.effectiveUid !== 0) throw new KmeshError('KM_PRIVILEGES', `the agent runs with user id ${sys.effectiveUid}, not as root`);
  const status = await sys.readText('/proc/self/status', 1 << 16);
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const missing = Object.entries(NEEDED).filter(([, bit]) => ((effective >> bit) & 1n) === 0n);
  if (missing.length > 0) throw new KmeshError('KM_PRIVILEGES', `the agent runs as root, but lacks ${missing.map(([name]) => name).join(' and ')}`);
}
