// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { Slices } from '../../daemon/model/slices.js';
import { whole } from '../../daemon/model/slices.js';
import { inSlices } from '../../daemon/slices.js';

const STEP_MS = 3;

function* work(steps: number): Slices<number> {
  for (let step = 0; step < steps; step += 1) {
    const end = performance.now() + STEP_MS;
    while (performance.now() < end);
    yield;
  }
  return steps;
}

t.test('others have their turns while work is done in slices', async (t) => {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  t.equal(await inSlices(work(60)), 60);
  clearImmediate(timer);
  t.ok(turns >= 5, `${turns} turns within ${60 * STEP_MS} ms`);
});

t.test('at one go, nobody has', async (t) => {
  let turns = 0;
  const timer = setImmediate(() => (turns += 1));
  t.equal(whole(work(10)), 10);
  t.equal(turns, 0);
  clearImmediate(timer);
});

t.test('an error in a slice is one of the whole', async (t) => {
  function* failing(): Slices<void> {
    yield;
    throw new Error('in a slice');
  }
  await t.rejects(inSlices(failing()), /in a slice/);
});
