// SPDX-License-Identifier: Apache-2.0

/** When and how often a daemon that died is started again; times in milliseconds. */
export interface RestartTimes {
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A daemon that was ready for so long counts as healthy: the next delay is the first one again. */
  readonly healthyMs: number;
  /** Deaths in a row, without a healthy time between them, after which the agent gives up. */
  readonly limit: number;
  /** From the signal to stop until the daemon is killed. */
  readonly graceMs: number;
}

/**
 * The limit is reached after about five minutes: longer than what passes by itself on a node that starts up,
 * and short enough that Kubernetes shows the pod as failing. The grace is below the 30 s that a pod gets.
 */
export const RESTART_TIMES: RestartTimes = { firstDelayMs: 250, maxDelayMs: 60_000, healthyMs: 60_000, limit: 12, graceMs: 10_000 };

/**
 * Doubles with each failure up to the maximum. Half of it is left to chance, so that the daemons of many nodes do
 * not come back at the same moment.
 *
 * @param failures deaths in a row, from 1
 * @param random in [0, 1)
 */
export function restartDelay(times: RestartTimes, failures: number, random: number): number {
  const full = Math.min(times.maxDelayMs, times.firstDelayMs * 2 ** (failures - 1));
  return Math.round(full / 2 + (full / 2) * random);
}
