// SPDX-License-Identifier: Apache-2.0
// Pure parts of the restart policy: the wait before a start, and when a daemon counts as hung or well.
import t from 'tap';
import { durationText, parseDuration } from '../../agent/duration.js';
import { restartDelay } from '../../agent/supervisor/backoff.js';
import type { Sight } from '../../agent/supervisor/readiness.js';
import { SUPERVISION_OPTION_NAMES, SUPERVISION_OPTIONS, SUPERVISION_TIMES, type SupervisionOption } from '../../agent/supervisor/times.js';
import { type Verdict, Vitality } from '../../agent/supervisor/vitality.js';

const TIMES = { ...SUPERVISION_TIMES, hangMs: 30_000, readyMs: 120_000, healthyMs: 60_000 };
const ready: Sight = { kind: 'ready', told: { requestPrograms: undefined, podPrograms: undefined } };
const waiting: Sight = { kind: 'waiting', reason: 'KM_XDS_UNREACHABLE: nobody' };
const failing: Sight = { kind: 'failing', reason: 'map full' };
const silent: Sight = { kind: 'silent' };

/** Looks every two seconds. @returns the verdict and when it fell, in seconds; undefined: none within a day */
function judged(sights: (second: number) => Sight, times = TIMES): { second: number; verdict: Verdict } | undefined {
  const vitality = new Vitality(times, 0);
  for (let second = 2; second <= 86_400; second += 2) {
    const verdict = vitality.see(sights(second), second * 1000);
    if (verdict !== undefined) return { second, verdict };
  }
  return undefined;
}

t.test('when a daemon counts as hung', async (t) => {
  t.match(judged((s) => (s < 100 ? ready : silent)), { second: 128, verdict: { cause: 'hung', reason: /^it has not answered for 30s$/ } }, 'no answer any more');
  t.match(judged(() => silent), { second: 120, verdict: { cause: 'hung', reason: 'it has not answered for 2m since its start' } }, 'no first answer');
  t.match(judged((s) => (s < 100 ? ready : failing)), { second: 218, verdict: { cause: 'not-ready', reason: /for 2m: map full/ } }, 'not ready by its own fault');
  t.equal(judged(() => waiting), undefined, 'no control plane for a day');
  t.equal(judged((s) => (s < 100 ? ready : waiting)), undefined, 'a control plane that went away');
  t.equal(judged((s) => (s % 30 === 0 ? ready : silent)), undefined, 'slow, but answering now and then');
  t.equal(judged((s) => (s % 120 === 0 ? ready : failing)), undefined, 'ready now and then');
  t.equal(judged(() => silent, { ...TIMES, readyMs: 0 }), undefined, 'a limit of 0 is none');
  t.equal(judged((s) => (s < 100 ? ready : silent), { ...TIMES, hangMs: 0 }), undefined, 'a limit of 0 is none');
});

t.test('a pause of the agent itself is not held against the daemon', async (t) => {
  const vitality = new Vitality(TIMES, 0);
  vitality.see(ready, 1000);
  t.equal(vitality.see(silent, 3_600_000), undefined, 'the first look after an hour asleep');
  t.equal(vitality.see(ready, 3_602_000), undefined);
  vitality.see(silent, 3_604_000);
  t.equal(vitality.see(silent, 3_604_001), undefined);
});

t.test('when a daemon is healthy', async (t) => {
  const after = (sights: readonly Sight[]): boolean => {
    const vitality = new Vitality(TIMES, 0);
    sights.forEach((sight, index) => vitality.see(sight, (index + 1) * 10_000));
    return vitality.healthy;
  };
  t.notOk(after([ready, ready, ready, ready, ready]));
  t.ok(after([ready, ready, ready, ready, ready, ready]));
  t.ok(after([waiting, waiting, waiting, waiting, waiting, waiting]), 'its control plane is no matter of its own health');
  t.notOk(after([ready, ready, ready, ready, ready, failing, ready]), 'from the beginning again');
  t.notOk(after([ready, ready, ready, ready, ready, ready, silent]), 'only while it answers');
});

t.test('the wait doubles up to the maximum, and is never outside of its bounds', async (t) => {
  const times = { minDelayMs: 100, maxDelayMs: 1000 };
  t.same([1, 2, 3, 4, 5, 60, 10_000].map((failures) => restartDelay(times, failures, 0)), [100, 200, 400, 500, 500, 500, 500]);
  t.same([1, 2, 3, 4, 5, 60, 10_000].map((failures) => restartDelay(times, failures, 0.999999)), [200, 400, 800, 1000, 1000, 1000, 1000]);
  t.equal(restartDelay({ minDelayMs: 700, maxDelayMs: 1000 }, 1, 0), 700, 'the minimum counts where half of the maximum is less');
  t.equal(restartDelay({ minDelayMs: 50, maxDelayMs: 50 }, 3, 0.5), 50);
});

t.test('durations', async (t) => {
  t.same(['0ms', '250ms', '30s', '5m', '1h', '90m'].map((text) => durationText(parseDuration(text) ?? -1)), ['0ms', '250ms', '30s', '5m', '1h', '90m']);
  t.same(['', '5', '5 s', '-5s', '1.5s', '5d', '9999999999s', 's'].map(parseDuration), Array.from({ length: 8 }, () => undefined));
});

t.test('every default lies within the bounds of its option', async (t) => {
  t.same(SUPERVISION_OPTION_NAMES.map((name) => SUPERVISION_OPTIONS[name].field).sort(), Object.keys(SUPERVISION_TIMES).sort(), 'each has an option');
  for (const name of SUPERVISION_OPTION_NAMES) {
    const { field, least, most, zero }: SupervisionOption = SUPERVISION_OPTIONS[name];
    const value = SUPERVISION_TIMES[field];
    t.ok((value >= least && value <= most) || (value === 0 && zero !== undefined), name);
  }
});
