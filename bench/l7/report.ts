// SPDX-License-Identifier: Apache-2.0
/** The tables that are printed. */
import { median, MEASURES, p50, p99, ratio, throughput, type Figure, type Measure, type Ratio, type Sample, type Way } from './rounds.js';

/** Of the design: at most 1.10 times the latency of direct HTTP, under half of that over nginx. */
const GOALS: readonly { readonly over: Way; readonly most: number }[] = [
  { over: 'direct', most: 1.1 },
  { over: 'nginx', most: 0.5 },
];

const LATENCY: readonly Measure[] = MEASURES.slice(0, 2);

export function report(samples: readonly Sample[]): string {
  const rounds = new Set(samples.map(({ round }) => round)).size;
  return [
    `Ratios: median of ${rounds} rounds (least to most). Everything runs on one virtual CPU under software emulation: the ratios`,
    'are those of work done, and times in microseconds mean nothing elsewhere.',
    '',
    ...LATENCY.flatMap((measure) => latencyTable(samples, measure)),
    ...MEASURES.slice(2).flatMap((measure) => throughputTable(samples, measure)),
    ...goalTable(samples),
  ].join('\n');
}

function latencyTable(samples: readonly Sample[], measure: Measure): string[] {
  const rows = (['direct', 'kmesh', 'nginx', 'haproxy'] as const).map((way) => [way, micro(samples, measure, p50, way), shown(ratio(samples, measure, p50, way, 'direct')), micro(samples, measure, p99, way), shown(ratio(samples, measure, p99, way, 'direct'))]);
  return [...columns([[`Latency, ${measure}`, 'p50 us', 'p50 over direct', 'p99 us', 'p99 over direct'], ...rows]), ''];
}

function throughputTable(samples: readonly Sample[], measure: Measure): string[] {
  const rows = (['direct', 'kmesh', 'nginx', 'haproxy'] as const).map((way) => [way, String(Math.round(typical(samples, measure, throughput, way))), shown(ratio(samples, measure, throughput, way, 'direct'))]);
  return [...columns([[`Throughput, ${measure}`, 'requests/s', 'over direct'], ...rows]), ''];
}

function goalTable(samples: readonly Sample[]): string[] {
  const rows = LATENCY.flatMap((measure) =>
    GOALS.map(({ over, most }) => {
      const found = ratio(samples, measure, p50, 'kmesh', over);
      return [`kmesh over ${over}, ${measure}`, `at most ${most.toFixed(2)}`, shown(found), found.median <= most ? 'met' : 'missed'];
    }),
  );
  return columns([['Latency (p50)', 'goal', 'found', ''], ...rows]);
}

const shown = ({ median: middle, least, most }: Ratio): string => `${middle.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;

const micro = (samples: readonly Sample[], measure: Measure, figure: Figure, way: Way): string => typical(samples, measure, figure, way).toFixed(0);

function typical(samples: readonly Sample[], measure: Measure, figure: Figure, way: Way): number {
  return median(samples.filter((one) => one.measure === measure && one.way === way).map(figure).sort((a, b) => a - b));
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('   ').trimEnd());
}
