// SPDX-License-Identifier: Apache-2.0
import type { Mount } from './mountinfo.js';
import { mountsOfType } from './mountinfo.js';
import { ProbeError, boundText, quote } from './probeError.js';

/** One line of /proc/PID/cgroup (cgroups(7)). */
export interface CgroupMembership {
  /** 0 for the unified (v2) hierarchy. */
  readonly hierarchy: number;
  /** Controllers of a v1 hierarchy (`memory`, `name=systemd`); empty for v2. */
  readonly controllers: readonly string[];
  /** Path below the hierarchy's root, as seen from the reader's cgroup namespace. */
  readonly path: string;
}

const LIMIT_KIB = 256;

/** @throws ProbeError naming the line, when one is not `ID:CONTROLLERS:PATH`. */
export function parseProcCgroup(text: string): CgroupMembership[] {
  boundText('/proc/self/cgroup', text, LIMIT_KIB);
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    // The path comes last and may hold colons.
    const match = /^(\d+):([^:]*):(\/.*)$/s.exec(line);
    if (match === null) throw new ProbeError('/proc/self/cgroup', 'garbage', `not a cgroup line: ${quote(line)}`);
    const [, hierarchy = '', controllers = '', path = ''] = match;
    return { hierarchy: Number(hierarchy), controllers: controllers === '' ? [] : controllers.split(','), path };
  });
}

/** hybrid: v1 controllers, and a v2 hierarchy without them beside (systemd's "hybrid" layout). */
export type CgroupVersion = 'v1' | 'v2' | 'hybrid' | 'none';

export function cgroupVersion(mounts: readonly Mount[]): { readonly version: CgroupVersion; readonly evidence: string } {
  const v1 = mountsOfType(mounts, 'cgroup');
  const v2 = mountsOfType(mounts, 'cgroup2');
  const firstV1 = v1[0]?.mountPoint ?? '';
  const firstV2 = v2[0]?.mountPoint ?? '';
  if (v1.length > 0 && v2.length > 0) {
    return { version: 'hybrid', evidence: `${v1.length} cgroup v1 mounts (first ${firstV1}) beside cgroup2 at ${firstV2}` };
  }
  if (v2.length > 0) return { version: 'v2', evidence: `cgroup2 at ${firstV2}, no cgroup v1 mount` };
  if (v1.length > 0) return { version: 'v1', evidence: `${v1.length} cgroup v1 mounts (first ${firstV1}), no cgroup2 mount` };
  return { version: 'none', evidence: 'no cgroup filesystem is mounted' };
}

/**
 * "No limit" of memory.limit_in_bytes is LONG_MAX rounded down to a page, which differs with the page size
 * (PAGE_COUNTER_MAX in include/linux/page_counter.h). No machine has 4 EiB, so all from 2^62 up is "none".
 */
const UNLIMITED_BYTES = 2 ** 62;

/**
 * Bytes in memory.max (v2) or memory.limit_in_bytes (v1); undefined: no limit.
 * @throws ProbeError when the text is neither.
 */
export function parseMemoryLimit(text: string): number | undefined {
  const value = text.trim();
  if (value === 'max') return undefined;
  if (!/^\d{1,20}$/.test(value)) throw new ProbeError('memory limit', 'garbage', `neither max nor a number of bytes: ${quote(text)}`);
  const bytes = Number(value);
  return bytes >= UNLIMITED_BYTES ? undefined : bytes;
}

/**
 * CPUs in cpu.max (v2: `QUOTA PERIOD`, one text), or in cpu.cfs_quota_us with cpu.cfs_period_us (v1: two
 * texts); both are in microseconds. undefined: no limit (`max`, -1).
 * @throws ProbeError when the texts are neither.
 */
export function parseCpuLimit(maxOrQuota: string, cfsPeriod?: string): number | undefined {
  const text = cfsPeriod === undefined ? maxOrQuota : `${maxOrQuota.trim()} ${cfsPeriod}`;
  const match = /^(max|-1|\d{1,18}) ([1-9]\d{0,17})$/.exec(text.trim());
  if (match === null) throw new ProbeError('CPU limit', 'garbage', `not a quota and a period: ${quote(text)}`);
  const [, quota = '', period = ''] = match;
  return quota === 'max' || quota === '-1' ? undefined : Number(quota) / Number(period);
}
