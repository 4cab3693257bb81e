// SPDX-License-Identifier: Apache-2.0

/** Numbers of services: KMESH_BENCH_SIZES, comma separated. */
export const SIZES = (process.env['KMESH_BENCH_SIZES'] ?? '100,1000,10000').split(',').map((text) => {
  const size = Number(text);
  if (!Number.isInteger(size) || size < 1 || size > 50_000) throw new Error(`KMESH_BENCH_SIZES holds ${text}; sizes are whole numbers up to 50,000`);
  return size;
});

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

/** Lines of a table: the first column to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ').trimEnd()}\n`).join('');
}
