// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createModelBuilder, createSlicedBuilder } from '../../../daemon/model/build.js';
import type { MeshModel, Target } from '../../../daemon/model/types.js';
import { TrafficDirection } from '../../../daemon/proto/envoy/config/core/v3/base.js';
import type { Cluster } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import type { Listener } from '../../../daemon/proto/envoy/config/listener/v3/listener.js';
import type { RouteConfiguration } from '../../../daemon/proto/envoy/config/route/v3/route.js';
import { at, blackhole, filter, http, listener, passthrough, prefixRoute, rds, resources, routeTable, tcp, tcpSplit, tcpTo, virtualHost } from './protos.js';

const to = (cluster: string): Target => ({ kind: 'cluster', cluster });
const PASS: Target = { kind: 'pass', reason: 'passthrough' };
const passChain = { filters: [tcpTo('PassthroughCluster')] };
/** As istiod sends an HTTP port. */
const httpMatch = { filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] } };
const BY_HTTP_MATCH = ['filter_chain_match.application_protocols', 'filter_chain_match.transport_protocol'];

interface Case {
  readonly name: string;
  readonly listeners: Listener[];
  readonly routes?: RouteConfiguration[];
  readonly clusters?: Cluster[];
  readonly frontends: Record<string, Target>;
  /** Features that are not enforced. */
  readonly listed?: string[];
}

function model({ listeners, routes = [], clusters = [] }: Case): MeshModel {
  return createModelBuilder()(resources({ listeners, routes, clusters: [passthrough, blackhole, ...clusters] }));
}

function check(cases: Case[]): void {
  for (const entry of cases) {
    t.test(entry.name, (t) => {
      const { frontends, notEnforced } = model(entry);
      t.same(Object.fromEntries([...frontends].map(([key, { target }]) => [key, target])), entry.frontends);
      t.same([...new Set(notEnforced.map(({ feature }) => feature))].sort(), entry.listed ?? []);
      t.end();
    });
  }
}

const addresses = (...pairs: [string, number][]) => ({
  address: at(...pairs[0]!),
  additionalAddresses: pairs.slice(1).map((pair) => ({ address: at(...pair) })),
});

check([
  { name: 'an address', listeners: [listener({ name: 'l', address: at('10.0.0.1', 80), filterChains: [{ filters: [tcpTo('a')] }] })], frontends: { '10.0.0.1/32:80': to('a') } },
  {
    name: 'several addresses of both families, spelt in any way',
    listeners: [listener({ name: 'l', ...addresses(['0.0.0.0', 80], ['::', 80], ['FD00:0::1', 81], ['::ffff:10.0.0.1', 82]), filterChains: [{ filters: [tcpTo('a')] }] })],
    frontends: { '0.0.0.0/0:80': to('a'), '::/0:80': to('a'), 'fd00::1/128:81': to('a'), '10.0.0.1/32:82': to('a') },
  },
  {
    name: 'weighted clusters: weights of zero are left out',
    listeners: [
      listener({ name: 'two', address: at('10.0.0.1', 80), filterChains: [{ filters: [tcpSplit(['a', 80], ['b', 20], ['c', 0])] }] }),
      listener({ name: 'one', address: at('10.0.0.2', 80), filterChains: [{ filters: [tcpSplit(['a', 0], ['b', 20])] }] }),
      listener({ name: 'none', address: at('10.0.0.3', 80), filterChains: [{ filters: [tcpSplit(['a', 0], ['b', 0])] }] }),
    ],
    frontends: {
      '10.0.0.1/32:80': { kind: 'split', clusters: [{ cluster: 'a', weight: 80 }, { cluster: 'b', weight: 20 }] },
      '10.0.0.2/32:80': to('b'),
      '10.0.0.3/32:80': { kind: 'refuse', reason: 'weights_zero' },
    },
  },
  {
    name: 'the type name of the v2 API',
    listeners: [listener({ name: 'l', address: at('10.0.0.1', 80), filterChains: [{ filters: [tcp({ clusterSpecifier: { $case: 'cluster', value: 'a' } }, 'type.googleapis.com/envoy.config.filter.network.tcp_proxy.v2.TcpProxy')] }] })],
    frontends: { '10.0.0.1/32:80': to('a') },
  },
  {
    name: 'ranges and destination ports are frontends of their own',
    listeners: [
      listener({
        name: 'l',
        address: at('0.0.0.0', 80),
        filterChains: [
          { filterChainMatch: { prefixRanges: [{ addressPrefix: '10.0.0.77', prefixLen: 8 }, { addressPrefix: '10.1.0.0', prefixLen: 16 }] }, filters: [tcpTo('ten')] },
          { filterChainMatch: { prefixRanges: [{ addressPrefix: 'fd00::', prefixLen: 8 }] }, filters: [tcpTo('other family')] },
          { filterChainMatch: { destinationPort: 81 }, filters: [tcpTo('port')] },
        ],
        defaultFilterChain: { filters: [tcpTo('rest')] },
      }),
    ],
    frontends: { '10.0.0.0/8:80': to('ten'), '10.1.0.0/16:80': to('ten'), '0.0.0.0/0:80': to('rest'), '0.0.0.0/0:81': to('port') },
  },
  {
    name: 'an address takes the most specific range that holds it, and does not go back',
    listeners: [
      listener({
        name: 'l',
        address: at('10.1.2.3', 80),
        filterChains: [
          { filterChainMatch: { prefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] }, filters: [tcpTo('wide')] },
          { filterChainMatch: { prefixRanges: [{ addressPrefix: '10.1.0.0', prefixLen: 16 }], serverNames: ['x'] }, filters: [tcpTo('narrow')] },
        ],
        defaultFilterChain: { filters: [tcpTo('rest')] },
      }),
    ],
    frontends: { '10.1.2.3/32:80': to('rest') },
    listed: ['filter_chain_match.server_names'],
  },
  {
    name: 'what is not known at connect() is listed, and the chain that asks for nothing is taken',
    listeners: [
      listener({
        name: 'l',
        address: at('10.0.0.1', 80),
        filterChains: [
          { filterChainMatch: { sourcePorts: [1], sourcePrefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] }, filters: [tcpTo('a')] },
          { filterChainMatch: { transportProtocol: 'tls' }, filters: [tcpTo('b')] },
          { filters: [tcpTo('c')] },
        ],
      }),
    ],
    frontends: { '10.0.0.1/32:80': to('c') },
    listed: ['filter_chain_match.source_ports', 'filter_chain_match.source_prefix_ranges', 'filter_chain_match.transport_protocol'],
  },
  {
    name: 'no chain and no default: on to the original address',
    listeners: [listener({ name: 'l', address: at('10.0.0.1', 80), filterChains: [{ filterChainMatch: { serverNames: ['x'] }, filters: [tcpTo('a')] }] })],
    frontends: { '10.0.0.1/32:80': PASS },
    listed: ['filter_chain_match.server_names'],
  },
  {
    name: 'the only chain, if it asks for no more than plain text',
    listeners: [
      listener({ name: 'l', address: at('10.0.0.1', 80), filterChains: [{ ...httpMatch, filters: [tcpTo('a')] }] }),
      listener({ name: 'tls', address: at('10.0.0.2', 80), filterChains: [{ filterChainMatch: { transportProtocol: 'tls' }, filters: [tcpTo('a')] }] }),
    ],
    frontends: { '10.0.0.1/32:80': to('a'), '10.0.0.2/32:80': PASS },
    listed: ['filter_chain_match.application_protocols', 'filter_chain_match.transport_protocol'],
  },
  {
    name: 'a listener with the address beats a wildcard listener, in any order',
    listeners: [
      listener({ name: 'wild', address: at('0.0.0.0', 80), filterChains: [{ filterChainMatch: { prefixRanges: [{ addressPrefix: '10.0.0.1', prefixLen: 32 }] }, filters: [tcpTo('wild')] }] }),
      listener({ name: 'zz', address: at('10.0.0.1', 80), filterChains: [{ filters: [tcpTo('own')] }] }),
    ],
    frontends: { '10.0.0.1/32:80': to('own'), '0.0.0.0/0:80': PASS },
  },
  {
    name: 'two listeners with one address: the first by name, and the other is listed',
    listeners: ['b', 'a'].map((name) => listener({ name, address: at('10.0.0.1', 80), filterChains: [{ filters: [tcpTo(name)] }] })),
    frontends: { '10.0.0.1/32:80': to('a') },
    listed: ['duplicate_address'],
  },
  {
    name: 'listeners that nothing connects to',
    listeners: [
      listener({ name: 'in', address: at('0.0.0.0', 15006), trafficDirection: TrafficDirection.INBOUND, filterChains: [passChain] }),
      listener({ name: 'inside', listenerSpecifier: { $case: 'internalListener', value: {} }, filterChains: [passChain] }),
      listener({ name: 'redirected', address: at('0.0.0.0', 15001), useOriginalDst: true, filterChains: [{ filterChainMatch: { destinationPort: 15001 }, filters: [tcpTo('BlackHoleCluster')] }, passChain] }),
      listener({ name: 'virtualOutbound', address: at('0.0.0.0', 15001), filterChains: [{ filterChainMatch: { prefixRanges: [{ addressPrefix: '10.0.0.1', prefixLen: 32 }] }, filters: [tcpTo('BlackHoleCluster')] }, passChain] }),
      listener({ name: 'pipe', address: { address: { $case: 'pipe', value: { path: '/x' } } }, filterChains: [passChain] }),
      listener({ name: 'udp', address: { address: { $case: 'socketAddress', value: { address: '10.0.0.1', protocol: 1, portSpecifier: { $case: 'portValue', value: 53 } } } } }),
    ],
    frontends: {},
    listed: ['inbound_listener', 'internal_listener', 'pipe_address', 'udp'],
  },
  {
    name: 'connections without a listener that a proxy would refuse are listed',
    listeners: [listener({ name: 'virtualOutbound', address: at('0.0.0.0', 15001), useOriginalDst: true, filterChains: [{ filters: [tcpTo('BlackHoleCluster')] }] })],
    frontends: {},
    listed: ['unmatched_traffic'],
  },
  {
    name: 'filters that are not known, or garbage, never take the listener down',
    listeners: [
      listener({ name: 'a', address: at('10.0.0.1', 80), filterChains: [{ filters: [filter('x', 'type.googleapis.com/no.such.Filter')] }] }),
      listener({ name: 'b', address: at('10.0.0.2', 80), filterChains: [{ filters: [filter('x', 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', Uint8Array.of(0xff, 0xff))] }] }),
      listener({ name: 'c', address: at('10.0.0.3', 80), filterChains: [{ filters: [] }] }),
      listener({ name: 'd', address: at('10.0.0.4', 80), filterChains: [{ filters: [filter('envoy.filters.network.rbac', 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC'), tcpTo('a')] }] }),
    ],
    frontends: { '10.0.0.1/32:80': PASS, '10.0.0.2/32:80': PASS, '10.0.0.3/32:80': PASS, '10.0.0.4/32:80': to('a') },
    listed: ['network_filter', 'rbac'],
  },
  {
    name: 'what a TCP proxy asks for beyond its cluster',
    listeners: [
      listener({
        name: 'l',
        address: at('10.0.0.1', 80),
        listenerFilters: [{ name: 'envoy.filters.listener.tls_inspector' }, { name: 'envoy.filters.listener.proxy_protocol' }],
        filterChains: [{ transportSocket: { name: 'tls' }, filters: [tcp({ clusterSpecifier: { $case: 'cluster', value: 'a' }, idleTimeout: { seconds: 1n }, maxConnectAttempts: 3, tunnelingConfig: { hostname: 'x' } })] }],
      }),
    ],
    frontends: { '10.0.0.1/32:80': to('a') },
    listed: ['downstream_tls', 'idle_timeout', 'listener_filter', 'max_connect_attempts', 'tunneling'],
  },
]);

const wildcardHttp = listener({ name: '0.0.0.0_80', ...addresses(['0.0.0.0', 80], ['::', 80]), filterChains: [{ ...httpMatch, filters: [rds('80')] }], defaultFilterChain: passChain });
const services = routeTable(
  '80',
  [
    virtualHost(['a.svc', '10.0.0.1', '[fd00::1]'], [prefixRoute('/', 'a')]),
    virtualHost(['10.0.0.2:80', '10.0.0.3:81'], [prefixRoute('/', 'b')]),
    virtualHost(['10.0.0.4'], [prefixRoute('/api', 'x'), prefixRoute('/', 'y', { match: { headers: [{ name: 'h' }] } }), prefixRoute('/', 'c'), prefixRoute('/never', 'z')], 'c'),
    virtualHost(['*'], [prefixRoute('/', 'PassthroughCluster')], 'allow_any'),
  ],
);

check([
  {
    name: 'HTTP for a range of a wildcard: addresses of virtual hosts beyond the range take the default chain',
    listeners: [
      listener({
        name: 'l',
        address: at('0.0.0.0', 80),
        filterChains: [{ filterChainMatch: { prefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 16 }] }, filters: [rds('80')] }],
        defaultFilterChain: { filters: [tcpTo('rest')] },
      }),
    ],
    routes: [routeTable('80', [virtualHost(['10.0.0.1'], [prefixRoute('/', 'a')]), virtualHost(['10.96.0.1'], [prefixRoute('/', 'b')])])],
    frontends: { '10.0.0.0/16:80': PASS, '10.0.0.1/32:80': to('a'), '0.0.0.0/0:80': to('rest') },
  },
  {
    name: 'HTTP on a wildcard: each address of a virtual host has its catch-all route',
    listeners: [wildcardHttp],
    routes: [services],
    frontends: {
      '0.0.0.0/0:80': to('PassthroughCluster'),
      '10.0.0.1/32:80': to('a'),
      '10.0.0.2/32:80': to('b'),
      '10.0.0.4/32:80': to('c'),
      '::/0:80': to('PassthroughCluster'),
      'fd00::1/128:80': to('a'),
    },
    listed: [...BY_HTTP_MATCH, 'keep_alive'],
  },
  {
    name: 'ports in domains match nothing where they are ignored',
    listeners: [wildcardHttp],
    routes: [routeTable('80', [virtualHost(['10.0.0.1:80'], [prefixRoute('/', 'a')])], { ignorePortInHostMatching: true })],
    frontends: { '0.0.0.0/0:80': to('PassthroughCluster'), '::/0:80': to('PassthroughCluster') },
    listed: BY_HTTP_MATCH,
  },
  {
    name: 'a domain with the port beats one without',
    listeners: [listener({ name: 'l', address: at('10.0.0.1', 80), filterChains: [{ filters: [rds('80')] }] })],
    routes: [routeTable('80', [virtualHost(['10.0.0.1'], [prefixRoute('/', 'any')]), virtualHost(['10.0.0.1:80'], [prefixRoute('/', 'port')]), virtualHost(['10.0.0.1:8080'], [prefixRoute('/', 'other')])])],
    frontends: { '10.0.0.1/32:80': to('port') },
  },
  {
    name: 'a default filter chain with a cluster of its own is the default decision, whatever the routes are',
    listeners: [
      listener({ name: 'same', address: at('10.0.0.1', 80), filterChains: [{ ...httpMatch, filters: [rds('one')] }], defaultFilterChain: { filters: [tcpTo('a')] } }),
      listener({ name: 'differs', address: at('10.0.0.2', 80), filterChains: [{ ...httpMatch, filters: [rds('one')] }], defaultFilterChain: { filters: [tcpTo('b')] } }),
    ],
    routes: [routeTable('one', [virtualHost(['*'], [prefixRoute('/', 'a')])])],
    frontends: { '10.0.0.1/32:80': to('a'), '10.0.0.2/32:80': to('b') },
    listed: BY_HTTP_MATCH,
  },
  {
    name: 'a default chain to BlackHoleCluster refuses what no virtual host decides',
    listeners: [listener({ name: 'l', address: at('0.0.0.0', 80), filterChains: [{ ...httpMatch, filters: [rds('80')] }], defaultFilterChain: { filters: [tcpTo('BlackHoleCluster')] } })],
    routes: [routeTable('80', [virtualHost(['10.0.0.1'], [prefixRoute('/', 'a')]), virtualHost(['*'], [prefixRoute('/', '', { action: { $case: 'directResponse', value: { status: 502 } } })], 'block_all')])],
    frontends: { '0.0.0.0/0:80': to('BlackHoleCluster'), '10.0.0.1/32:80': to('a') },
    listed: ['direct_response', ...BY_HTTP_MATCH],
  },
  {
    name: 'without a catch-all route: the original address',
    listeners: [listener({ name: 'l', address: at('10.0.0.1', 80), filterChains: [{ filters: [rds('80')] }] })],
    routes: [routeTable('80', [virtualHost(['10.0.0.1'], [prefixRoute('/a', 'a'), prefixRoute('/', 'b', { match: { runtimeFraction: { defaultValue: { numerator: 1 } } } })])])],
    frontends: { '10.0.0.1/32:80': PASS },
    listed: ['keep_alive', 'no_default_route', 'runtime_fraction'],
  },
  {
    name: 'a redirect for everything: the original address',
    listeners: [listener({ name: 'l', address: at('10.0.0.1', 80), filterChains: [{ filters: [rds('80')] }] })],
    routes: [routeTable('80', [virtualHost(['10.0.0.1'], [prefixRoute('/', '', { action: { $case: 'redirect', value: {} } })])])],
    frontends: { '10.0.0.1/32:80': PASS },
    listed: ['redirect'],
  },
  {
    name: 'weighted clusters of a route; those that a header names are left out',
    listeners: [listener({ name: 'l', address: at('10.0.0.1', 80), filterChains: [{ filters: [rds('80')] }] })],
    routes: [
      routeTable('80', [
        virtualHost(['10.0.0.1'], [
          prefixRoute('/', '', {
            action: { $case: 'route', value: { clusterSpecifier: { $case: 'weightedClusters', value: { clusters: [{ name: 'a', weight: 3 }, { name: 'b', weight: 1 }, { name: 'c' }, { clusterHeader: 'x', weight: 1 }] } } } },
          }),
        ]),
      ]),
    ],
    frontends: { '10.0.0.1/32:80': { kind: 'split', clusters: [{ cluster: 'a', weight: 3 }, { cluster: 'b', weight: 1 }] } },
    listed: ['cluster_header'],
  },
  {
    name: 'an inline route configuration, filters of HTTP, and a route table that was not sent',
    listeners: [
      listener({
        name: 'inline',
        address: at('10.0.0.1', 80),
        filterChains: [{ filters: [http({ routeSpecifier: { $case: 'routeConfig', value: routeTable('', [virtualHost(['*'], [prefixRoute('/', 'a')])]) }, httpFilters: [filter('envoy.filters.http.router', 't/r'), filter('envoy.filters.http.rbac', 't/envoy.extensions.filters.http.rbac.v3.RBAC'), filter('envoy.filters.http.fault', 't/f')] })] }],
      }),
      listener({ name: 'missing', address: at('10.0.0.2', 80), filterChains: [{ filters: [rds('nowhere')] }] }),
    ],
    frontends: { '10.0.0.1/32:80': to('a'), '10.0.0.2/32:80': PASS },
    listed: ['rbac', 'route_missing'],
  },
  {
    name: 'what routes ask for is one entry a feature',
    listeners: [listener({ name: 'l', address: at('0.0.0.0', 80), filterChains: [{ filters: [rds('80')] }] })],
    routes: [
      routeTable(
        '80',
        ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) =>
          virtualHost([address], [
            prefixRoute('/', '', {
              typedPerFilterConfig: { 'envoy.filters.http.fault': { typeUrl: 't', value: Buffer.alloc(0) } },
              action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: 'a' }, timeout: { seconds: 2n }, retryPolicy: {}, requestMirrorPolicies: [{}], prefixRewrite: '/x' } },
            }),
          ]),
        ),
      ),
    ],
    frontends: { '0.0.0.0/0:80': PASS, '10.0.0.1/32:80': to('a'), '10.0.0.2/32:80': to('a'), '10.0.0.3/32:80': to('a') },
    listed: ['fault', 'mirror', 'retry_policy', 'rewrite', 'timeout'],
  },
]);

t.test('a flood of expressions is counted beyond a limit, and names cannot break a log line', (t) => {
  const expression = (i: number) => prefixRoute('', 'a', { match: { pathSpecifier: { $case: 'safeRegex', value: { regex: `/${i}/\\C` } } } });
  const many = routeTable('80', [virtualHost(['10.0.0.1'], Array.from({ length: 2000 }, (_, i) => expression(i)), 'evil\nname\u001b[31m')]);
  const { notEnforced } = model({ name: '', listeners: [], routes: [many], frontends: {} });
  t.equal(notEnforced.length, 1001);
  t.equal(notEnforced.filter(({ feature }) => feature === 'regex').length, 1000);
  t.match(notEnforced.at(-1), { feature: 'more', reason: /1001 more/ });
  t.notOk(notEnforced.some(({ path }) => /[\u0000-\u001f]/.test(path)));
  t.end();
});

t.test('a listener with chains for thousands of ports: others have their turn between any two', (t) => {
  const PORTS = 2000;
  const chains = Array.from({ length: PORTS }, (_, i) => ({ filterChainMatch: { destinationPort: i + 1 }, filters: [tcpTo('a')] }));
  const work = createSlicedBuilder()(resources({ listeners: [listener({ name: 'l', address: at('0.0.0.0', 15001), useOriginalDst: true, filterChains: chains })] }));
  let turns = 0;
  let step = work.next();
  for (; !step.done; step = work.next()) turns += 1;
  t.equal(step.value.frontends.size, PORTS);
  t.ok(turns >= PORTS, `${turns} turns`);
  t.end();
});
