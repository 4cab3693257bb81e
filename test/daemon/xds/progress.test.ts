// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { Progress, WILDCARD } from '../../../daemon/xds/progress.js';
import { FakeClock } from '../../helpers/fakeClock.js';

const TIMEOUT = 15_000;
const any = (): boolean => true;
const named = (names: readonly string[]): Map<string, undefined> => new Map(names.map((name) => [name, undefined]));

function begin(): { clock: FakeClock; progress: Progress; expired: () => number } {
  const clock = new FakeClock();
  let expirations = 0;
  const progress = new Progress(clock, () => (expirations += 1));
  progress.open();
  return { clock, progress, expired: () => expirations };
}

t.test('settled once clusters, listeners and all that they ask for are answered', async (t) => {
  const { clock, progress } = begin();
  progress.expect('endpoints', named(['a', 'b']));
  progress.answer('clusters', any);
  t.notOk(progress.settled);
  progress.answer('endpoints', (name) => name === 'a');
  progress.answer('listeners', any);
  t.notOk(progress.settled);
  t.strictSame(progress.complete, { clusters: true, endpoints: false, listeners: true, routes: true });
  progress.answer('endpoints', (name) => name === 'b');
  t.ok(progress.settled);
  t.strictSame(progress.complete, { clusters: true, endpoints: true, listeners: true, routes: true });
  t.strictSame(clock.waits, [], 'no timer is left');
});

t.test('complete is for good, settled is not', async (t) => {
  const { progress } = begin();
  progress.answer('clusters', any);
  progress.answer('listeners', any);
  progress.expect('endpoints', named(['late']));
  t.notOk(progress.settled);
  t.ok(progress.complete.endpoints);
});

t.test('an answer that does not come is waited for so long and no longer', async (t) => {
  const { clock, progress, expired } = begin();
  progress.expect('routes', named(['r']));
  progress.answer('listeners', any);
  progress.answer('clusters', any);
  clock.advance(TIMEOUT - 1);
  t.notOk(progress.settled);
  t.equal(expired(), 0);
  clock.advance(1);
  t.ok(progress.settled);
  t.equal(expired(), 1);
  t.notOk(progress.complete.routes, 'going on without it is not an answer');
});

t.test('a silent control plane settles nothing: an empty mesh must not replace what is in force', async (t) => {
  const { clock, progress } = begin();
  clock.advance(10 * TIMEOUT);
  t.notOk(progress.settled);
});

t.test('time without a stream does not count', async (t) => {
  const { clock, progress } = begin();
  progress.answer('listeners', any);
  progress.close();
  t.strictSame(clock.waits, []);
  clock.advance(10 * TIMEOUT);
  t.notOk(progress.settled);
  progress.open();
  clock.advance(TIMEOUT - 1);
  t.notOk(progress.settled);
  clock.advance(1);
  t.ok(progress.settled);
});

t.test('what nobody wants any more is not waited for', async (t) => {
  const { progress } = begin();
  progress.answer('clusters', (name) => name === WILDCARD);
  progress.answer('listeners', (name) => name === WILDCARD);
  progress.expect('endpoints', named(['a']));
  progress.expect('endpoints', named([]));
  t.ok(progress.settled);
});

t.test('host names count too', async (t) => {
  const { progress } = begin();
  progress.expect('hosts', named(['db.example']));
  progress.answer('clusters', any);
  progress.answer('listeners', any);
  t.notOk(progress.settled);
  progress.answer('hosts', any);
  t.ok(progress.settled);
});

t.test('files that could be read in part settle, and are complete only as a whole', async (t) => {
  const progress = new Progress(new FakeClock(), () => undefined);
  progress.loaded(false);
  t.ok(progress.settled);
  t.strictSame(Object.values(progress.complete), [false, false, false, false]);
  progress.loaded(true);
  t.strictSame(Object.values(progress.complete), [true, true, true, true]);
});

t.test('who asks may say how long the answer is waited for', async (t) => {
  const { clock, progress } = begin();
  progress.answer('clusters', any);
  progress.answer('listeners', any);
  progress.expect('endpoints', new Map([['patient', 60_000], ['usual', undefined]]));
  clock.advance(TIMEOUT);
  t.strictSame([progress.waits('endpoints', 'patient'), progress.waits('endpoints', 'usual')], [true, false]);
  progress.close();
  progress.open();
  clock.advance(59_999);
  t.notOk(progress.settled, 'another stream begins the time anew');
  clock.advance(1);
  t.ok(progress.settled);
});
