// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { report } from '../../bench/l7/report.js';
import { MEASURES, p50, ratio, throughput, WAYS, type Sample, type Way } from '../../bench/l7/rounds.js';

/** Direct requests take 100 us in round 1, and the machine gets slower by half from round to round. */
function samples(factors: Readonly<Record<Way, readonly number[]>>): Sample[] {
  return factors.direct.flatMap((_, i) =>
    MEASURES.flatMap((measure) =>
      WAYS.map((way) => {
        const us = 100 * 1.5 ** i * factors[way][i]!;
        return { round: i + 1, measure, way, requests: 1000, seconds: us / 1000, p50_us: us, p99_us: 3 * us };
      }),
    ),
  );
}

const measured = samples({ direct: [1, 1, 1], kmesh: [1.05, 1.3, 1.08], nginx: [2.5, 2.4, 2.6], haproxy: [3, 3, 3] });
const [fresh] = MEASURES;

t.test('ratios are taken within a round, so that what drifts cancels', async (t) => {
  const found = ratio(measured, fresh, p50, 'kmesh', 'direct');
  t.same(Object.values(found).map((value) => value.toFixed(3)), ['1.080', '1.050', '1.300'], 'median, least and most');
  t.equal(ratio(measured, fresh, throughput, 'haproxy', 'direct').median.toFixed(3), '0.333');
  t.throws(() => ratio(measured.slice(1), fresh, p50, 'kmesh', 'direct'), /round 1 has no sample of direct/, 'a missing sample is an error');
});

t.test('the report says which goals are met', async (t) => {
  const met = report(measured);
  t.match(met, /kmesh over direct, new connections, one at a time +at most 1\.10 +1\.08 \(1\.05 to 1\.30\) +met/);
  t.match(met, /kmesh over nginx, new connections, one at a time +at most 0\.50 +0\.42 \(0\.42 to 0\.54\) +met/);
  const missed = report(samples({ direct: [1], kmesh: [1.5], nginx: [2], haproxy: [2] }));
  t.match(missed, /kmesh over direct, .* at most 1\.10 +1\.50 .*missed/);
  t.match(missed, /kmesh over nginx, .* at most 0\.50 +0\.75 .*missed/);
});
