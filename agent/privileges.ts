// SPDX-License-Identifier: Apache-2.0
import { KmeshError } from './errors.js';
import { type Fact, no, unknown, yes } from './probe/fact.js';
import { hasCapability } from './probe/processCapabilities.js';
import type { Sys } from './sys.js';

/** What the agent cannot do without. CAP_SYS_ADMIN includes CAP_BPF and its net part. */
const NEEDED = ['CAP_SETGID', 'CAP_SYS_ADMIN'] as const;

const STATUS = '/proc/self/status';
const MAX_BYTES = 1 << 16;

/** @throws KM_PRIVILEGES naming what is missing */
export async function requirePrivileges(sys: Sys): Promise<void> {
  if (sys.effectiveUid !== 0) throw new KmeshError('KM_PRIVILEGES', `the agent runs with user id ${sys.effectiveUid}, not as root`);
  const status = await sys.readText(STATUS, MAX_BYTES);
  const missing = NEEDED.filter((name) => !hasCapability(status, name));
  if (missing.length > 0) throw new KmeshError('KM_PRIVILEGES', `the agent runs as root, but lacks ${missing.join(' and ')}`);
}

/** Whether the agent may load kernel modules. Other users than root are not told anything: they can only ask for plans. */
export async function moduleCapability(sys: Sys): Promise<Fact> {
  if (sys.effectiveUid !== 0) return unknown('only root loads modules');
  const status = await sys.readText(STATUS, MAX_BYTES).catch((error: unknown) => error as Error);
  if (typeof status !== 'string') return unknown(`${STATUS} cannot be read: ${status.message}`);
  return hasCapability(status, 'CAP_SYS_MODULE') ? yes('the agent has CAP_SYS_MODULE') : no('the agent lacks CAP_SYS_MODULE');
}
