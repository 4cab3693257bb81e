// SPDX-License-Identifier: Apache-2.0
import { durationText } from '../duration.js';

/** When kmesh-daemon is started again, given up, taken for hung and killed; times in milliseconds. */
export interface SupervisionTimes {
  /** Bounds of the wait before a start. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** A daemon that was well for so long forgives the failures before it. */
  readonly healthyMs: number;
  /** Failures in a row, without a healthy time between them, that make a crash loop. */
  readonly crashLoop: number;
  /** Failures in a row after which the agent gives up; 0: never. */
  readonly restartLimit: number;
  /** Without an answer for so long a daemon that has answered hangs; 0: it never does. */
  readonly hangMs: number;
  /** For so long it may be without a first answer, or not ready by its own fault; 0: for ever. */
  readonly readyMs: number;
  /** From the signal to stop until it is killed. */
  readonly graceMs: number;
}

/**
 * The wait begins below what a client of the control plane notices, and ends where a crash costs a node no CPU time to speak of. A
 * daemon that loads programs into a kernel with all debugging on, in an emulator, answers after a minute. The grace is below the
 * 60 s that kmesh.yaml gives the pod.
 */
export const SUPERVISION_TIMES: SupervisionTimes = { minDelayMs: 250, maxDelayMs: 60_000, healthyMs: 60_000, crashLoop: 5, restartLimit: 0, hangMs: 30_000, readyMs: 180_000, graceMs: 10_000 };

/** An option of the agent that sets one of them. */
export interface SupervisionOption {
  readonly field: keyof SupervisionTimes;
  readonly kind: 'time' | 'count';
  /** Bounds, in milliseconds for a time; 0 goes beside them where it has a meaning. */
  readonly least: number;
  readonly most: number;
  /** What 0 means; undefined: it is not taken. */
  readonly zero?: string;
  readonly describe: string;
}

const [SECOND, MINUTE, HOUR] = [1000, 60_000, 3_600_000];

export const SUPERVISION_OPTIONS = {
  'restart-delay-min': { field: 'minDelayMs', kind: 'time', least: 10, most: HOUR, describe: 'Shortest wait before kmesh-daemon is started again; the wait doubles with each failure in a row' },
  'restart-delay-max': { field: 'maxDelayMs', kind: 'time', least: 10, most: HOUR, describe: 'Longest wait before kmesh-daemon is started again' },
  'healthy-time': { field: 'healthyMs', kind: 'time', least: SECOND, most: 24 * HOUR, describe: 'When kmesh-daemon was well for so long, the failures before are forgiven' },
  'crash-loop': { field: 'crashLoop', kind: 'count', least: 1, most: 1000, describe: 'Failures in a row that make a crash loop: the node is not ready then' },
  'restart-limit': { field: 'restartLimit', kind: 'count', least: 1, most: 100_000, zero: 'never', describe: 'Failures in a row after which the agent ends' },
  'hang-limit': { field: 'hangMs', kind: 'time', least: SECOND, most: HOUR, zero: 'never', describe: 'kmesh-daemon is started anew when it does not answer for so long' },
  'ready-limit': { field: 'readyMs', kind: 'time', least: SECOND, most: 24 * HOUR, zero: 'never', describe: 'kmesh-daemon is started anew when it gives no first answer for so long, or is not ready though nothing from the control plane is missing' },
  'stop-grace': { field: 'graceMs', kind: 'time', least: 0, most: 10 * MINUTE, describe: 'From the signal that ends kmesh-daemon until it is killed' },
} as const satisfies Record<string, SupervisionOption>;

export type SupervisionOptionName = keyof typeof SUPERVISION_OPTIONS;

export const SUPERVISION_OPTION_NAMES = Object.keys(SUPERVISION_OPTIONS) as readonly SupervisionOptionName[];

/** As it is typed: `250ms`, `5`. */
export const supervisionText = ({ kind }: SupervisionOption, value: number): string => (kind === 'time' ? durationText(value) : String(value));
