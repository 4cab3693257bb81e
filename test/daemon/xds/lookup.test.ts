// SPDX-License-Identifier: Apache-2.0
import { once, EventEmitter } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { Cluster } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { HostResolver } from '../../../daemon/xds/dns.js';
import { refreshOf } from '../../../daemon/xds/dnsRefresh.js';
import { nameLookup } from '../../../daemon/xds/lookup.js';
import { FakeClock } from '../../helpers/fakeClock.js';
import { NameServer } from '../../helpers/nameServer.js';

const HOUR = 3_600_000;

async function begin(t: Test, inFile = '') {
  const server = new NameServer();
  const address = await server.start();
  t.teardown(() => server.stop());
  const hostsFile = path.join(t.testdir(), 'hosts');
  writeFileSync(hostsFile, inFile);
  return { server, lookup: nameLookup({ hostsFile, servers: [address] }) };
}

/** A resolver by a clock that stands still, and what waits for its next news. */
async function resolving(t: Test, cluster: Parameters<typeof Cluster.fromPartial>[0], random = 0) {
  const { server, lookup } = await begin(t);
  const clock = new FakeClock();
  const news = new EventEmitter();
  const resolver = new HostResolver(lookup, clock, () => random, () => news.emit('news'));
  t.teardown(() => resolver.stop());
  const start = async (): Promise<void> => {
    const first = once(news, 'news');
    resolver.setHosts(new Map([['db.example', refreshOf(Cluster.fromPartial(cluster))]]));
    await first;
  };
  return { server, clock, resolver, start, news: () => once(news, 'news') };
}

t.test('the lifetime of the records decides when a name is asked for again', async (t) => {
  const { server, clock, resolver, start, news } = await resolving(t, { respectDnsTtl: true });
  server.answers.set('db.example', [{ address: '192.0.2.1', ttl: 300 }, { address: '2001:db8::1', ttl: 30 }]);
  await start();
  t.strictSame(resolver.addresses.get('db.example'), ['192.0.2.1', '2001:db8::1']);
  t.strictSame(clock.waits, [30_000], 'the shortest one, and not the 5 seconds of other clusters');
  server.answers.set('db.example', [{ address: '192.0.2.2', ttl: 7 }]);
  clock.advance(29_999);
  t.equal(server.asked.length, 2, 'not before it is over');
  const second = news();
  clock.advance(1);
  await second;
  t.strictSame([...server.asked].sort(), ['db.example A', 'db.example A', 'db.example AAAA', 'db.example AAAA']);
  t.strictSame(resolver.addresses.get('db.example'), ['192.0.2.2']);
  t.strictSame(clock.waits, [7000]);
});

t.test('without respect_dns_ttl name servers are left to the resolver of the node', async (t) => {
  const { server, lookup } = await begin(t);
  server.answers.set('localhost', [{ address: '192.0.2.1', ttl: 300 }]);
  const { addresses, ttlMs } = await lookup('localhost', false);
  t.ok(addresses.some((address) => address === '127.0.0.1' || address === '::1'));
  t.equal(ttlMs, undefined);
  t.strictSame(server.asked, []);
});

t.test('lifetimes are bounded, spread, and 0 is none', async (t) => {
  const waits: [ttl: number, random: number, wait: number][] = [[0x7fffffff, 0, HOUR], [100, 0.5, 105_000], [0, 0, 9000]];
  for (const [ttl, random, wait] of waits) {
    const { server, clock, start } = await resolving(t, { respectDnsTtl: true, dnsRefreshRate: { seconds: 9n, nanos: 0 } }, random);
    server.answers.set('db.example', [{ address: '192.0.2.1', ttl }]);
    await start();
    t.strictSame(clock.waits, [wait], `${ttl} s`);
  }
});

t.test('names in the hosts file are not asked for', async (t) => {
  const { server, lookup } = await begin(t, '# a comment localhost\n127.0.0.1\tother LocalHost. # why\n');
  server.answers.set('localhost', [{ address: '192.0.2.1', ttl: 300 }]);
  const { addresses, ttlMs } = await lookup('localhost', true);
  t.notOk(addresses.includes('192.0.2.1'));
  t.equal(ttlMs, undefined);
  t.strictSame(server.asked, []);
});

t.test('where name servers know no such name, or fail for a family, the node has the word', async (t) => {
  const { server, lookup } = await begin(t, '127.0.0.1 other # localhost\n');
  for (const answer of [3, 2]) {
    server.answers.set('localhost', answer);
    const { addresses, ttlMs } = await lookup('localhost', true);
    t.ok(addresses.some((address) => address === '127.0.0.1' || address === '::1'), `code ${answer}`);
    t.equal(ttlMs, undefined);
  }
  t.ok(server.asked.includes('localhost A'));
});
