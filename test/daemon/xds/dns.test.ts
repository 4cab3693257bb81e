// SPDX-License-Identifier: Apache-2.0
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { HostResolver, lookupAll } from '../../../daemon/xds/dns.js';
import { FakeClock } from '../../helpers/fakeClock.js';

const REFRESH = 5000;

/** A name server whose answers the test changes. */
function begin(answers: Record<string, readonly string[] | Error>) {
  const clock = new FakeClock();
  const asked: string[] = [];
  let told = 0;
  let running = 0;
  let most = 0;
  const lookup = async (name: string): Promise<readonly string[]> => {
    asked.push(name);
    most = Math.max(most, (running += 1));
    await turn();
    running -= 1;
    const answer = answers[name] ?? new Error(`no ${name}`);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const resolver = new HostResolver(lookup, clock, () => (told += 1));
  const idle = async (): Promise<void> => {
    do await turn();
    while (running > 0);
    await turn();
  };
  return { clock, resolver, asked, idle, told: () => told, most: () => most };
}

t.test('all addresses of both families, sorted, each once', async (t) => {
  const { resolver, idle } = begin({ 'db.example': ['2001:db8::1', '192.0.2.2', '192.0.2.1', '192.0.2.2'] });
  resolver.setHosts(new Set(['db.example']));
  t.notOk(resolver.answered('db.example'));
  await idle();
  t.strictSame(resolver.addresses.get('db.example'), ['192.0.2.1', '192.0.2.2', '2001:db8::1']);
  resolver.stop();
});

t.test('asks again, and tells only of changes', async (t) => {
  const answers: Record<string, readonly string[] | Error> = { a: ['192.0.2.1', '192.0.2.2'] };
  const { clock, resolver, asked, idle, told } = begin(answers);
  resolver.setHosts(new Set(['a']));
  await idle();
  t.equal(told(), 1);
  const before = resolver.addresses;
  answers['a'] = ['192.0.2.2', '192.0.2.1'];
  clock.advance(REFRESH);
  await idle();
  t.equal(asked.length, 2);
  t.equal(told(), 1, 'another order is no change');
  t.equal(resolver.addresses, before);
  answers['a'] = ['192.0.2.9'];
  clock.advance(REFRESH);
  await idle();
  t.equal(told(), 2);
  t.strictSame(resolver.addresses.get('a'), ['192.0.2.9']);
  t.strictSame(before.get('a'), ['192.0.2.1', '192.0.2.2'], 'an earlier snapshot does not change');
  resolver.stop();
});

t.test('a failure keeps the last addresses; the first failure is an answer', async (t) => {
  const answers: Record<string, readonly string[] | Error> = { a: ['192.0.2.1'] };
  const { clock, resolver, idle, told } = begin(answers);
  resolver.setHosts(new Set(['a', 'nowhere']));
  await idle();
  t.ok(resolver.answered('nowhere'));
  t.notOk(resolver.addresses.has('nowhere'));
  t.equal(told(), 2);
  answers['a'] = new Error('SERVFAIL');
  clock.advance(REFRESH);
  await idle();
  t.strictSame(resolver.addresses.get('a'), ['192.0.2.1']);
  t.equal(told(), 2);
  resolver.stop();
});

t.test('a name that is no longer wanted is forgotten', async (t) => {
  const { clock, resolver, asked, idle } = begin({ a: ['192.0.2.1'], b: ['192.0.2.2'] });
  resolver.setHosts(new Set(['a', 'b']));
  await idle();
  resolver.setHosts(new Set(['b']));
  t.strictSame([...resolver.addresses.keys()], ['b']);
  asked.length = 0;
  clock.advance(REFRESH);
  await idle();
  t.strictSame(asked, ['b']);
  resolver.setHosts(new Set());
  t.strictSame(clock.waits, [], 'no timer is left');
});

t.test('a thousand names do not take all threads', async (t) => {
  const { resolver, asked, idle, most } = begin({});
  resolver.setHosts(new Set(Array.from({ length: 1000 }, (_, index) => `h${index}`)));
  await idle();
  t.equal(asked.length, 1000);
  t.ok(most() <= 2, `${most()} at once`);
  resolver.stop();
});

t.test('nothing is told after stop', async (t) => {
  const { clock, resolver, idle, told } = begin({ a: ['192.0.2.1'] });
  resolver.setHosts(new Set(['a']));
  resolver.stop();
  await idle();
  t.equal(told(), 0);
  t.strictSame(clock.waits, []);
});

t.test('the system resolver knows localhost', async (t) => {
  t.ok((await lookupAll('localhost')).some((address) => address === '127.0.0.1' || address === '::1'));
});
