// SPDX-License-Identifier: Apache-2.0
import type { Applied } from './applied.js';
import type { PodsState } from './pods/management.js';
import type { L7State } from './maps/dataplane.js';
import type { XdsStatus } from './xds/source.js';

export interface Readiness {
  readonly ready: boolean;
  /** The configuration in force is that of an earlier process; the control plane has not answered completely. */
  readonly stale: boolean;
  /** The newest trouble; a daemon can be ready in spite of one, with what it was told before. */
  readonly code?: string;
  readonly reason?: string;
  /** Of one that is not ready: what it lacks. `itself`: it was told everything, so that only another process could do better. */
  readonly waitsFor?: 'configuration' | 'itself';
  /** Whether connections are routed by their requests; a daemon is ready without. */
  readonly l7: L7State;
  /** Whether labels decide which pods are in the mesh. */
  readonly pods: PodsState;
}

/** Ready means: programs are attached and a configuration is in force, be it an adopted one. */
export function readiness(attached: boolean, applied: Applied, status: XdsStatus | undefined, l7: L7State): Omit<Readiness, 'pods'> {
  // Files that cannot be read at the first start leave no last good state to stand for them.
  const unread = status?.code === 'KM_XDS_FILE' && !applied.stale && Object.values(status.complete).includes(false);
  const ready = attached && (applied.appliedAt !== undefined || applied.stale) && !unread;
  const trouble = status?.code === undefined ? {} : { code: status.code, reason: status.reason ?? '' };
  if (ready) return { ready, stale: applied.stale, ...trouble, l7 };
  const waiting = applied.error?.message ?? (status?.connected ? 'waiting for the rest of the configuration' : 'waiting for the configuration');
  const told = status?.code === undefined && (applied.error !== undefined || applied.appliedAt !== undefined || applied.stale);
  return { ready, stale: applied.stale, reason: waiting, ...trouble, waitsFor: told ? 'itself' : 'configuration', l7 };
}
