// SPDX-License-Identifier: Apache-2.0
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { HostResolver } from '../../../daemon/xds/dns.js';
import { refreshOf } from '../../../daemon/xds/dnsRefresh.js';
import type { Found } from '../../../daemon/xds/lookup.js';
import { Cluster } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { FakeClock } from '../../helpers/fakeClock.js';

const REFRESH = 5000;

/** These names, looked up as a cluster says. */
const hosts = (names: readonly string[], cluster: Parameters<typeof Cluster.fromPartial>[0] = {}) => new Map(names.map((name) => [name, refreshOf(Cluster.fromPartial(cluster))]));
const seconds = (n: number) => ({ seconds: BigInt(n), nanos: 0 });

/** A look-up whose answers the test changes. */
function begin(answers: Record<string, readonly string[] | Error>, random = 0) {
  const clock = new FakeClock();
  const asked: string[] = [];
  let told = 0;
  let running = 0;
  let most = 0;
  const lookup = async (name: string): Promise<Found> => {
    asked.push(name);
    most = Math.max(most, (running += 1));
    await turn();
    running -= 1;
    const answer = answers[name] ?? new Error(`no ${name}`);
    if (answer instanceof Error) throw answer;
    return { addresses: answer, ttlMs: undefined };
  };
  const resolver = new HostResolver(lookup, clock, () => random, () => (told += 1));
  const idle = async (): Promise<void> => {
    do await turn();
    while (running > 0);
    await turn();
  };
  return { clock, resolver, asked, idle, told: () => told, most: () => most };
}

t.test('all addresses of both families, sorted, each once', async (t) => {
  const { resolver, idle } = begin({ 'db.example': ['2001:db8::1', '192.0.2.2', '192.0.2.1', '192.0.2.2'] });
  resolver.setHosts(hosts(['db.example']));
  t.notOk(resolver.answered('db.example'));
  await idle();
  t.strictSame(resolver.addresses.get('db.example'), ['192.0.2.1', '192.0.2.2', '2001:db8::1']);
  resolver.stop();
});

t.test('asks again, and tells only of changes', async (t) => {
  const answers: Record<string, readonly string[] | Error> = { a: ['192.0.2.1', '192.0.2.2'] };
  const { clock, resolver, asked, idle, told } = begin(answers);
  resolver.setHosts(hosts(['a']));
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
  resolver.setHosts(hosts(['a', 'nowhere']));
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
  resolver.setHosts(hosts(['a', 'b']));
  await idle();
  resolver.setHosts(hosts(['b']));
  t.strictSame([...resolver.addresses.keys()], ['b']);
  asked.length = 0;
  clock.advance(REFRESH);
  await idle();
  t.strictSame(asked, ['b']);
  resolver.setHosts(new Map());
  t.strictSame(clock.waits, [], 'no timer is left');
});

t.test('a thousand names do not take all threads', async (t) => {
  const { resolver, asked, idle, most } = begin({});
  resolver.setHosts(hosts(Array.from({ length: 1000 }, (_, index) => `h${index}`)));
  await idle();
  t.equal(asked.length, 1000);
  t.ok(most() <= 2, `${most()} at once`);
  resolver.stop();
});

t.test('nothing is told after stop', async (t) => {
  const { clock, resolver, idle, told } = begin({ a: ['192.0.2.1'] });
  resolver.setHosts(hosts(['a']));
  resolver.stop();
  await idle();
  t.equal(told(), 0);
  t.strictSame(clock.waits, []);
});

t.test('each cluster says how often; of two the sooner counts, and what is less than a second is one', async (t) => {
  const { clock, resolver, idle, asked } = begin({ a: ['192.0.2.1'], b: ['192.0.2.2'], c: ['192.0.2.3'] });
  const [slow, quick] = [hosts(['a'], { dnsRefreshRate: seconds(60) }), hosts(['b'], { dnsRefreshRate: { seconds: 0n, nanos: 2_000_000 } })];
  resolver.setHosts(new Map([...slow, ...quick, ...hosts(['c'])]));
  await idle();
  t.strictSame(clock.waits, [1000, REFRESH, 60_000]);
  asked.length = 0;
  resolver.setHosts(new Map([...hosts(['a'], { dnsRefreshRate: seconds(7) }), ...quick, ...hosts(['c'])]));
  await idle();
  t.strictSame(asked, ['a'], 'another time counts from now on');
  t.strictSame(clock.waits, [1000, REFRESH, 7000]);
  resolver.stop();
});

t.test('after failures the waits grow to their bound, and an answer ends them', async (t) => {
  const answers: Record<string, readonly string[] | Error> = {};
  const { clock, resolver, idle } = begin(answers, 0.5);
  resolver.setHosts(hosts(['a'], { dnsRefreshRate: seconds(30), dnsFailureRefreshRate: { baseInterval: seconds(4), maxInterval: seconds(10) } }));
  await idle();
  const waits: number[] = [];
  for (let i = 0; i < 4; i += 1) {
    waits.push(clock.waits[0]!);
    clock.advance(clock.waits[0]!);
    await idle();
  }
  t.strictSame(waits, [3000, 6000, 7500, 7500], 'three quarters of 4, 8, 10 and 10 seconds');
  answers['a'] = ['192.0.2.1'];
  clock.advance(clock.waits[0]!);
  await idle();
  t.strictSame(clock.waits, [30_000]);
  answers['a'] = new Error('SERVFAIL');
  clock.advance(30_000);
  await idle();
  t.strictSame(clock.waits, [3000], 'and begin small again');
  resolver.stop();
});
