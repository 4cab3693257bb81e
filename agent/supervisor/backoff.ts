// SPDX-License-Identifier: Apache-2.0
import type { SupervisionTimes } from './times.js';

/**
 * How long to wait before the daemon is started again: between the minimum and twice as much after the first failure, twice that with
 * each further one, up to the maximum. The upper half is left to chance, so that the daemons of many nodes do not come back at the
 * same moment.
 *
 * @param failures failures in a row, from 1
 * @param random in [0, 1)
 * @returns milliseconds, never below the minimum nor above the maximum
 */
export function restartDelay({ minDelayMs, maxDelayMs }: Pick<SupervisionTimes, 'minDelayMs' | 'maxDelayMs'>, failures: number, random: number): number {
  const most = Math.min(maxDelayMs, minDelayMs * 2 ** failures);
  const least = Math.max(minDelayMs, most / 2);
  return Math.round(least + (most - least) * random);
}
