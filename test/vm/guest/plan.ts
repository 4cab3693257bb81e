// SPDX-License-Identifier: Apache-2.0
/** Serial number of the disk that outlives its machine. */
export const KEPT_DISK = 'kept';

/** What the host tells the guest, as /kmesh/plan.json. */
export interface Plan {
  readonly kernel: string;
  /** File names in /kmesh/guest/scenarios, without their ending. */
  readonly scenarios: readonly string[];
  readonly defaultLimitSeconds: number;
  /** How many times slower this kernel is than the others. */
  readonly slowness: number;
  /** Counts the boots of scenarios that keep a disk, from 1. */
  readonly boot: number;
  /** Files of modules that were built outside, by name. */
  readonly modules: Readonly<Record<string, string>>;
}
