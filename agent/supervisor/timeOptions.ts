// SPDX-License-Identifier: Apache-2.0
import { durationText, parseDuration } from '../duration.js';
import { KmeshError } from '../errors.js';
import { SUPERVISION_OPTION_NAMES, SUPERVISION_OPTIONS, type SupervisionOption, supervisionText, type SupervisionTimes } from './times.js';

type Values = Readonly<Record<string, unknown>>;

/** Times such as `250ms` and counts, each within its bounds, that fit together. @throws KM_USAGE */
export function supervisionTimes(values: Values): SupervisionTimes {
  const times = Object.fromEntries(SUPERVISION_OPTION_NAMES.map((name) => [SUPERVISION_OPTIONS[name].field, bounded(values, name, SUPERVISION_OPTIONS[name])])) as unknown as SupervisionTimes;
  if (times.minDelayMs > times.maxDelayMs) throw usage(`--restart-delay-min ${durationText(times.minDelayMs)} is longer than --restart-delay-max ${durationText(times.maxDelayMs)}`);
  return times;
}

function bounded(values: Values, name: string, option: SupervisionOption): number {
  const given = String(values[name]);
  const { kind, least, most, zero } = option;
  const number = /^\d{1,9}$/.test(given) ? Number(given) : undefined;
  const value = kind === 'count' || number === 0 ? number : parseDuration(given);
  if (value !== undefined && ((value >= least && value <= most) || (value === 0 && zero !== undefined))) return value;
  const range = `from ${supervisionText(option, least)} to ${supervisionText(option, most)}${zero === undefined ? '' : `, or 0: ${zero}`}`;
  throw usage(`--${name} is a ${kind === 'time' ? 'time such as 500ms, 30s or 5m' : 'number'} ${range}, not "${given}"`);
}

const usage = (detail: string): KmeshError => new KmeshError('KM_USAGE', detail);
