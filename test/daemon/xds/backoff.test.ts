// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { Backoff } from '../../../daemon/xds/backoff.js';

t.test('waits grow to a limit and start over after a success', async (t) => {
  const backoff = new Backoff(() => 0.5);
  const waits = Array.from({ length: 12 }, () => backoff.next());
  for (const [index, wait] of waits.entries()) t.ok(index === 0 || wait >= waits[index - 1]!);
  t.ok(waits[0]! < 1000, 'the first is short');
  t.ok(waits.at(-1)! <= 30_000 && waits.at(-1)! === waits.at(-2)!);
  backoff.reset();
  t.equal(backoff.next(), waits[0]);
});

t.test('half of each wait is random', async (t) => {
  const shortest = new Backoff(() => 0);
  const longest = new Backoff(() => 1 - Number.EPSILON);
  for (let attempt = 0; attempt < 10; attempt += 1) t.ok(Math.abs(longest.next() / shortest.next() - 2) < 1e-6);
});
