// SPDX-License-Identifier: Apache-2.0
/** What the guest measured, and the ratios in it. */

/** How requests reach the backend. */
export const WAYS = ['direct', 'kmesh', 'nginx', 'haproxy'] as const;
export type Way = (typeof WAYS)[number];

export const MEASURES = ['new connections, one at a time', 'kept connection, one at a time', 'new connections, 16 at a time', 'kept connections, 16 at a time'] as const;
export type Measure = (typeof MEASURES)[number];

export interface Sample {
  readonly round: number;
  readonly measure: Measure;
  readonly way: Way;
  readonly requests: number;
  readonly seconds: number;
  readonly p50_us: number;
  readonly p99_us: number;
}

export interface Ratio {
  /** Over all rounds. */
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export type Figure = (sample: Sample) => number;

export const p50: Figure = (sample) => sample.p50_us;
export const p99: Figure = (sample) => sample.p99_us;
export const throughput: Figure = ({ requests, seconds }) => requests / seconds;

/** Each round's figure of one way over that of another in the same round, so that what drifts from round to round cancels. */
export function ratio(samples: readonly Sample[], measure: Measure, figure: Figure, way: Way, over: Way): Ratio {
  const rounds = [...new Set(samples.map(({ round }) => round))];
  const find = (round: number, wanted: Way): Sample => {
    const found = samples.find((one) => one.round === round && one.measure === measure && one.way === wanted);
    if (found === undefined) throw new Error(`round ${round} has no sample of ${wanted}, ${measure}`);
    return found;
  };
  const sorted = rounds.map((round) => figure(find(round, way)) / figure(find(round, over))).sort((a, b) => a - b);
  return { median: median(sorted), least: sorted[0]!, most: sorted.at(-1)! };
}

export function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
