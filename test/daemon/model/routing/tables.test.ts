// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createModelBuilder } from '../../../../daemon/model/build.js';
import { Findings } from '../../../../daemon/model/notEnforced.js';
import { readRoutes } from '../../../../daemon/model/routes.js';
import { MAX_WALK } from '../../../../daemon/model/routeTable.js';
import type { RouteTable } from '../../../../daemon/model/routeTable.js';
import { RouteConfiguration } from '../../../../daemon/proto/envoy/config/route/v3/route.js';
import { Route } from '../../../../daemon/proto/envoy/config/route/v3/route_components.js';
import { at, http, listener, passthrough, prefixRoute, rds, resources, routeTable, tcpTo, virtualHost } from '../protos.js';
import { route } from './walk.js';
import type { Answer } from './walk.js';

const read = (config: RouteConfiguration): { table: RouteTable; listed: string[] } => {
  const findings = new Findings('route', config.name);
  return { table: readRoutes(config, { name: config.name, prefix: '' }, undefined, findings).table, listed: findings.list().map(({ feature, path }) => `${feature} ${path}`) };
};
const to = (cluster: string): Answer => ({ kind: 'cluster', cluster });
const catchAll = (cluster: string) => [prefixRoute('/', cluster)];
const action = (value: object) => prefixRoute('/', '', { action: value as never });

t.test('virtual hosts: exact, then the longest suffix, then the longest prefix, then any', (t) => {
  const hosts = (more: Parameters<typeof routeTable>[2]) =>
    read(
      routeTable(
        'r',
        [
          virtualHost(['A.example.com', 'b.example.com:8080'], catchAll('exact')),
          virtualHost(['*.example.com'], catchAll('suffix')),
          virtualHost(['*-x.Example.com'], catchAll('longer suffix')),
          virtualHost(['a.*'], catchAll('prefix')),
          virtualHost(['a.example.*'], catchAll('longer prefix')),
          virtualHost(['*'], catchAll('any')),
        ],
        more,
      ),
    ).table;
  const answers = (table: RouteTable, expected: Record<string, string>) => {
    for (const [host, cluster] of Object.entries(expected)) t.same(route(table, { host, path: '/' }).answer, to(cluster), host);
  };
  answers(hosts({}), {
    'a.example.com': 'exact',
    'A.Example.Com': 'exact',
    'a.example.com:80': 'longer prefix',
    'b.example.com:8080': 'exact',
    'c.example.com': 'suffix',
    '.example.com': 'any',
    'c-x.example.com': 'longer suffix',
    '-x.example.com': 'suffix',
    'a.example.org': 'longer prefix',
    'a.test': 'prefix',
    'a.': 'any',
    test: 'any',
  });
  answers(hosts({ ignorePortInHostMatching: true }), { 'a.example.com:80': 'exact', 'b.example.com:8080': 'suffix', 'b.example.com': 'suffix' });
  t.end();
});

t.test('domains that stand twice, are too long, or are no names', (t) => {
  const { table, listed } = read(
    routeTable('r', [
      virtualHost(['a', 'A', '*', `*${'l'.repeat(248)}`, `${'l'.repeat(249)}*`, '', 'b\u0000', 'c d'], catchAll('first')),
      virtualHost(['a', '*', 'b'], catchAll('second')),
    ]),
  );
  t.same(table.virtualHosts.map(({ domains }) => domains.map(({ kind, text }) => `${kind} ${text.slice(0, 3)}`)), [['exact a', 'any ', 'suffix lll'], ['exact b']]);
  t.same(listed, ['long_domain virtualHosts[a].domains[4]', 'domain virtualHosts[a].domains[5]', 'duplicate_domain virtualHosts[a]']);
  t.end();
});

t.test('routes: the first that matches, and what it leads to', (t) => {
  const weighted = (...clusters: object[]) => action({ $case: 'route', value: { clusterSpecifier: { $case: 'weightedClusters', value: { clusters } } } });
  const cases: [name: string, route: Route, answer: Answer, listed?: string][] = [
    ['a cluster, known or not', prefixRoute('/', 'a'), to('a')],
    ['weighted clusters', weighted({ name: 'a', weight: 3 }, { name: 'b', weight: 0 }, { name: 'c', weight: 1 }), { kind: 'split', clusters: [{ cluster: 'a', weight: 3 }, { cluster: 'c', weight: 1 }] }],
    ['one weighted cluster', weighted({ name: 'a', weight: 0 }, { name: 'b', weight: 1 }), to('b')],
    ['weights of zero', weighted({ name: 'a', weight: 0 }, { name: 'b' }), { kind: 'refuse', reason: 'weights_zero' }],
    ['a header among the weighted clusters', weighted({ clusterHeader: 'h', weight: 1 }, { name: 'b', weight: 1 }), to('b'), 'cluster_header'],
    ['only headers among them', weighted({ clusterHeader: 'h', weight: 1 }), 'undecidable', 'cluster_header'],
    ['a header names the cluster', action({ $case: 'route', value: { clusterSpecifier: { $case: 'clusterHeader', value: 'h' } } }), 'undecidable', 'cluster_header'],
    ['a redirect', action({ $case: 'redirect', value: {} }), 'no_route', 'redirect'],
    ['a direct response', action({ $case: 'directResponse', value: { status: 200 } }), 'no_route', 'direct_response'],
    ['no forwarding', action({ $case: 'nonForwardingAction', value: {} }), 'no_route', 'route_action'],
    ['no action', Route.fromPartial({ match: { pathSpecifier: { $case: 'prefix', value: '/' } } }), 'no_route', 'route_action'],
  ];
  for (const [name, first, answer, feature] of cases) {
    const { table, listed } = read(routeTable('r', [virtualHost(['*'], [prefixRoute('/other', 'x'), first, prefixRoute('/', 'behind')])]));
    t.same(route(table, { host: 'h', path: '/' }).answer, answer, name);
    t.same(route(table, { host: 'h', path: '/other' }).answer, to('x'), 'the one before it');
    t.same(listed.filter((item) => !item.startsWith('keep_alive')), feature === undefined ? [] : [`${feature} virtualHosts[*].routes[1]`]);
  }
  t.end();
});

t.test('no host, no virtual host, a matcher tree', (t) => {
  const { table } = read(routeTable('r', [virtualHost(['a'], catchAll('a'))]));
  t.equal(route(table, { path: '/' }).answer, 'no_host');
  t.equal(route(table, { host: 'b', path: '/' }).answer, 'no_virtual_host');
  const tree = read(routeTable('r', [{ ...virtualHost(['*'], catchAll('a')), matcher: {} }]));
  t.equal(route(tree.table, { host: 'b', path: '/' }).answer, 'undecidable');
  t.ok(tree.listed.some((item) => item.startsWith('virtual_host_matcher ')));
  t.end();
});

t.test('what a kept-alive connection means is listed where the routes of a host differ', (t) => {
  const listedOf = (...routes: Route[]) => read(routeTable('r', [virtualHost(['*'], routes)])).listed.filter((item) => item.startsWith('keep_alive'));
  t.same(listedOf(prefixRoute('/', 'a')), []);
  t.same(listedOf(prefixRoute('/x', 'a'), prefixRoute('/', 'a')), []);
  t.same(listedOf(prefixRoute('/x', 'a'), prefixRoute('/', 'b')), ['keep_alive virtualHosts[*]']);
  t.same(listedOf(prefixRoute('/x', 'a')), ['keep_alive virtualHosts[*]'], 'a route, or the default decision');
  t.same(listedOf(action({ $case: 'redirect', value: {} })), []);
  t.end();
});

t.test('a program is as long as its routes need, and a walk shorter', (t) => {
  const routes = (n: number) => [...Array.from({ length: n }, (_, i) => prefixRoute('/', 'a', { match: { headers: [{ name: 'h', headerMatchSpecifier: { $case: 'exactMatch', value: `v${i}` } }] } })), prefixRoute('/', 'rest')];
  const hundred = read(routeTable('r', [virtualHost(['*'], routes(100))]));
  const { answer, steps } = route(hundred.table, { host: 'h', path: '/', headers: { h: 'v99' } });
  t.same(answer, to('a'));
  t.ok(steps <= 2 + 3 * 100 + 1, `${steps} steps: the path is looked at once, and each header in three`);
  t.notOk(hundred.listed.some((item) => item.startsWith('long_program')));
  const many = read(routeTable('r', [virtualHost(['*'], routes(MAX_WALK))]));
  t.ok(many.listed.includes('long_program virtualHosts[*]'));
  t.end();
});

const httpMatch = { filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] } };
const passChain = { filters: [tcpTo('PassthroughCluster')] };
const two = routeTable('two', [virtualHost(['10.0.0.1', 'a'], catchAll('a')), virtualHost(['*'], catchAll('PassthroughCluster'), 'any')]);
const one = routeTable('one', [virtualHost(['*'], catchAll('a'))]);

/** Frontends of one listener with the table that each names. */
function routesOf(config: Omit<Parameters<typeof listener>[0], 'name'>): Record<string, string | undefined> {
  const model = createModelBuilder()(resources({ listeners: [listener({ name: 'l', ...config })], routes: [two, one], clusters: [passthrough] }));
  t.same([...model.routeTables.keys()].sort(), [...new Set([...model.frontends.values()].flatMap(({ routes }) => routes ?? []))].sort(), 'the model holds the tables that frontends name');
  return Object.fromEntries([...model.frontends].map(([key, { routes }]) => [key, routes]));
}

t.test('which frontends have their requests read', (t) => {
  const inline = http({ routeSpecifier: { $case: 'routeConfig', value: two } });
  const cases: [name: string, config: Parameters<typeof routesOf>[0], routes: Record<string, string | undefined>][] = [
    ['all addresses of an HTTP port', { address: at('0.0.0.0', 80), filterChains: [{ ...httpMatch, filters: [rds('two')] }], defaultFilterChain: passChain }, { '0.0.0.0/0:80': 'two', '10.0.0.1/32:80': 'two' }],
    ['a service address with a default chain', { address: at('10.0.0.9', 80), filterChains: [{ ...httpMatch, filters: [rds('two')] }], defaultFilterChain: { filters: [tcpTo('a')] } }, { '10.0.0.9/32:80': 'two' }],
    ['the only chain', { address: at('10.0.0.9', 80), filterChains: [{ filters: [rds('two')] }] }, { '10.0.0.9/32:80': 'two' }],
    ['the default chain', { address: at('10.0.0.9', 80), defaultFilterChain: { filters: [rds('two')] } }, { '10.0.0.9/32:80': 'two' }],
    ['a table inside the listener', { address: at('10.0.0.9', 80), filterChains: [{ filters: [inline] }] }, { '10.0.0.9/32:80': 'l filterChains[0].routeConfig' }],
    ['all routes lead where the default decision does', { address: at('10.0.0.9', 80), filterChains: [{ ...httpMatch, filters: [rds('one')] }], defaultFilterChain: { filters: [tcpTo('a')] } }, { '10.0.0.9/32:80': undefined }],
    ['they do not', { address: at('10.0.0.9', 80), filterChains: [{ ...httpMatch, filters: [rds('one')] }], defaultFilterChain: { filters: [tcpTo('b')] } }, { '10.0.0.9/32:80': 'one' }],
    ['a table that was not sent', { address: at('10.0.0.9', 80), filterChains: [{ filters: [rds('none')] }] }, { '10.0.0.9/32:80': undefined }],
    ['the chain that names the protocols comes before one that asks for nothing', { address: at('10.0.0.9', 80), filterChains: [{ filters: [tcpTo('b')] }, { ...httpMatch, filters: [rds('two')] }] }, { '10.0.0.9/32:80': 'two' }],
    ['of TCP: nothing is read', { address: at('10.0.0.9', 80), filterChains: [{ filterChainMatch: { transportProtocol: 'raw_buffer' }, filters: [tcpTo('b')] }, { filters: [rds('two')] }] }, { '10.0.0.9/32:80': undefined }],
    ['HTTP behind TLS is not HTTP to us', { address: at('10.0.0.9', 80), filterChains: [{ filterChainMatch: { transportProtocol: 'tls' }, filters: [rds('two')] }] }, { '10.0.0.9/32:80': undefined }],
    ['nor is it with a server name', { address: at('10.0.0.9', 80), filterChains: [{ filterChainMatch: { serverNames: ['x'] }, filters: [rds('two')] }] }, { '10.0.0.9/32:80': undefined }],
    ['HTTP/2 only', { address: at('10.0.0.9', 80), filterChains: [{ filterChainMatch: { applicationProtocols: ['h2c'] }, filters: [rds('two')] }] }, { '10.0.0.9/32:80': undefined }],
    ['only for some clients: nobody knows', { address: at('10.0.0.9', 80), filterChains: [{ filterChainMatch: { sourcePorts: [1] }, filters: [rds('two')] }] }, { '10.0.0.9/32:80': undefined }],
    ['for some clients, and for all', { address: at('10.0.0.9', 80), filterChains: [{ filterChainMatch: { sourcePorts: [1] }, filters: [tcpTo('x')] }, { filters: [rds('two')] }] }, { '10.0.0.9/32:80': 'two' }],
  ];
  for (const [name, config, routes] of cases) t.same(routesOf(config), routes, name);
  t.end();
});

t.test('of a table that is sent again, the virtual hosts that did not change keep their programs', (t) => {
  const again = (config: RouteConfiguration) => RouteConfiguration.decode(RouteConfiguration.encode(config).finish());
  const table = (cluster: string) => routeTable('80', [virtualHost(['a'], [prefixRoute('/x', 'ax'), prefixRoute('/', cluster)]), virtualHost(['b'], [prefixRoute('/x', 'bx'), prefixRoute('/', 'b')])]);
  const inline = (cluster: string) => listener({ name: 'inline', address: at('10.0.0.2', 80), filterChains: [{ filters: [http({ routeSpecifier: { $case: 'routeConfig', value: table(cluster) } })] }] });
  const fromRds = listener({ name: 'rds', address: at('10.0.0.1', 80), filterChains: [{ filters: [rds('80')] }] });
  const build = createModelBuilder();
  const first = build(resources({ listeners: [fromRds, inline('a')], routes: [table('a')] })).routeTables;
  const second = build(resources({ listeners: [fromRds, inline('changed')], routes: [again(table('changed'))] })).routeTables;
  for (const name of ['80', 'inline filterChains[0].routeConfig']) {
    const [a, b] = [first, second].map((tables) => tables.get(name)!.virtualHosts.map(({ program }) => program));
    t.not(b![0], a![0], `${name}: changed`);
    t.equal(b![1], a![1], `${name}: not changed`);
  }
  const third = build(resources({ listeners: [fromRds, inline('changed')], routes: [routeTable('80', [...table('changed').virtualHosts].reverse())] })).routeTables;
  t.same(third.get('80')!.virtualHosts.map(({ program }) => program === second.get('80')!.virtualHosts[0]!.program), [false, true], 'their order is nothing to them');
  t.end();
});
