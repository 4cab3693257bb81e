// SPDX-License-Identifier: Apache-2.0

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** `250ms`, `30s`, `5m`, `1h` in milliseconds; undefined: it is none of these. */
export function parseDuration(text: string): number | undefined {
  const found = /^(\d{1,9})(ms|s|m|h)$/.exec(text);
  return found === null ? undefined : Number(found[1]) * UNITS[found[2] as keyof typeof UNITS];
}

/** As parseDuration() reads it, in the largest unit that has no fraction. */
export function durationText(ms: number): string {
  const unit = (['h', 'm', 's'] as const).find((one) => ms > 0 && ms % UNITS[one] === 0) ?? 'ms';
  return `${ms / UNITS[unit]}${unit}`;
}
