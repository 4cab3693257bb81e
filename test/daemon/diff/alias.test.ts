// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { aliasTable } from '../../../daemon/diff/alias.js';
import { random } from './models.js';

/** The probability of each item over all draws of the table. */
function probabilities(weights: readonly number[]): number[] {
  const table = aliasTable(weights);
  const p = weights.map(() => 0);
  table.forEach(({ alias, threshold }, own) => {
    const primary = threshold === 0xffffffff ? 1 : threshold / 2 ** 32;
    p[own]! += primary / table.length;
    p[alias]! += (1 - primary) / table.length;
  });
  return p;
}

t.test('an alias table reproduces its weights to 2^-32', (t) => {
  const below = random(1);
  const cases: number[][] = [[1], [80, 20], [1, 1, 1], [1, 0xffffffff], [0.1, 0.2, 0.7], [1e-12, 1], [1e300, 1e300], Array.from({ length: 1000 }, (_, i) => i + 1)];
  for (let i = 0; i < 300; i += 1) cases.push(Array.from({ length: 1 + below(40) }, () => 1 + below(10 ** (1 + below(8)))));
  for (const weights of cases) {
    const greatest = Math.max(...weights);
    const total = weights.reduce((sum, w) => sum + w / greatest, 0);
    const worst = Math.max(...probabilities(weights).map((p, i) => Math.abs(p - weights[i]! / greatest / total)));
    if (worst > 2 ** -32) t.fail('a weight is off', { weights, worst });
  }
  t.end();
});

t.test('each slot names its own item first, and thresholds are 32 bit', (t) => {
  for (const { alias, threshold } of aliasTable([5, 1, 1, 9, 2])) {
    t.ok(Number.isInteger(threshold) && threshold >= 0 && threshold <= 0xffffffff);
    t.ok(alias >= 0 && alias < 5);
  }
  t.end();
});

t.test('equal weights never use an alias', (t) => {
  t.same(aliasTable([7, 7, 7]), [0, 1, 2].map((alias) => ({ alias, threshold: 0xffffffff })));
  t.same(aliasTable([]), []);
  t.end();
});
