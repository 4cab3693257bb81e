// SPDX-License-Identifier: Apache-2.0
/** The virtual host of a request: exact, longest suffix, longest prefix, any; with and without port. */
import t from 'tap';
import { enterSandbox } from '../helpers/sandbox.js';
import { startRequestClient } from './requestClient.js';
import { domain, table, toCluster, vhost } from './routes.js';
import { cluster, frontend } from './mesh.js';
import { openStage, startBackend, stopBackends } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);

const PORT = 80;
const { dataplane, cgroup } = openStage();
t.teardown(() => dataplane.close());
const client = startRequestClient(cgroup);
t.teardown(() => client.close());

/** A virtual host for each domain, whose backend says the domain. */
const DOMAINS = [
  'default',
  'shop',
  'shop:8080',
  'a.shop.example',
  '*.example',
  '*.shop.example',
  '*-eu.example',
  'a.*',
  'a.b.*',
  'b.*',
  '*',
  `${'x'.repeat(247)}y`,
  `*${'x'.repeat(246)}y`,
  `${'z'.repeat(247)}*`,
] as const;
const idOf = (text: string): number => DOMAINS.indexOf(text as (typeof DOMAINS)[number]) + 1;

const backends = await Promise.all(DOMAINS.map((text, i) => startBackend(text.length > 100 ? text.slice(0, 5) : text, `127.0.1.${i + 1}`)));
const named = DOMAINS.filter((text) => text !== 'default' && text !== '*');

await dataplane.apply([
  ...DOMAINS.flatMap((_, i) => [...cluster(i + 1, { v4: [backends[i]!] }), ...vhost(i + 1, [toCluster(i + 1)])]),
  ...[1, 2, 3].flatMap((id) => named.map((text) => domain(id, text, idOf(text)))),
  table(1, { any: idOf('*') }),
  table(2),
  table(3, { any: idOf('*'), ignorePort: true }),
  // The same names lead elsewhere in another table.
  ...vhost(99, [toCluster(idOf('default'))]),
  ...named.map((text) => domain(4, text, 99)),
  table(4, { any: 99 }),
  ...[1, 2, 3].map((id) => frontend(id, `10.96.0.${id}`, PORT, { cluster: idOf('default') }, id)).flat(),
]);

const said = async (tableId: number, host: string): Promise<string | undefined> => {
  const [connection] = await client.connect(`10.96.0.${tableId}`, PORT, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return connection?.said;
};

const CASES: readonly (readonly [host: string, domain: string, withoutAny?: string, ignorePort?: string])[] = [
  ['shop', 'shop'],
  ['SHOP', 'shop'],
  ['shop:8080', 'shop:8080', 'shop:8080', 'shop'],
  ['shop:80', '*', 'default', 'shop'],
  ['sho', '*', 'default'],
  ['shopp', '*', 'default'],
  ['a.shop.example', 'a.shop.example'],
  ['A.Shop.Example', 'a.shop.example'],
  ['b.shop.example', '*.shop.example'],
  ['b.c.shop.example', '*.shop.example'],
  ['.shop.example', '*.example', '*.example'],
  ['shop-eu.example', '*-eu.example'],
  ['-eu.example', '*.example'],
  ['x.example', '*.example'],
  ['.example', '*', 'default'],
  ['a.x', 'a.*'],
  ['a.', '*', 'default'],
  ['a.b.c', 'a.b.*'],
  ['a.b.', 'a.*'],
  ['b.example', '*.example'],
  ['b.x:9', 'b.*'],
  ['c.x', '*', 'default'],
  ['x', '*', 'default'],
  [`${'x'.repeat(247)}y`, 'xxxxx'],
  [`y${'x'.repeat(246)}y`, '*xxxx'],
  [`${'z'.repeat(247)}y`, 'zzzzz'],
];

for (const [host, expected, withoutAny = expected, ignorePort = expected] of CASES) {
  await t.test(host.length > 100 ? `${host.slice(0, 5)}... of ${host.length} bytes` : host, async (test) => {
    test.equal(await said(1, host), expected);
    test.equal(await said(2, host), withoutAny, 'in a table without *');
    test.equal(await said(3, host), ignorePort, 'in a table that ignores ports');
  });
}

await t.test('what no domain can hold takes the default decision, counted apart', async (test) => {
  const before = dataplane.counters().l7;
  test.equal(await said(1, 'w'.repeat(249)), 'default');
  const [connection] = await client.connect('10.96.0.1', PORT, 'GET / HTTP/1.0\r\n\r\n');
  test.equal(connection?.said, 'default', 'HTTP/1.0 without Host');
  test.equal(dataplane.counters().l7.no_host - before.no_host, 2);
  test.equal(await said(2, 'nobody'), 'default');
  test.equal(dataplane.counters().l7.no_virtual_host - before.no_virtual_host, 1);
});
