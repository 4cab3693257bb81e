// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createModelBuilder } from '../../../daemon/model/build.js';
import { Cluster, Cluster_DiscoveryType } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../../../daemon/proto/envoy/config/listener/v3/listener.js';
import { RouteConfiguration } from '../../../daemon/proto/envoy/config/route/v3/route.js';
import { random } from '../diff/models.js';
import { problemOf } from './routing/walk.js';
import { assignment, at, cluster, eds, http, lbEndpoint, listener, passthrough, prefixRoute, rds, resources, routeTable, tcpTo, virtualHost } from './protos.js';

t.test('what did not change is the same object; what depends on a change is built anew', (t) => {
  const build = createModelBuilder();
  const base = resources({
    listeners: [
      listener({ name: 'tcp', address: at('10.0.0.1', 80), filterChains: [{ filters: [tcpTo('a')] }] }),
      listener({ name: 'http', address: at('10.0.0.2', 80), filterChains: [{ filters: [rds('80')] }] }),
      listener({ name: 'auto', address: at('10.0.0.3', 80), filterChains: [{ filterChainMatch: { transportProtocol: 'raw_buffer' }, filters: [rds('80')] }], defaultFilterChain: { filters: [tcpTo('x')] } }),
    ],
    routes: [routeTable('80', [virtualHost(['*'], [prefixRoute('/', 'a')])])],
    clusters: [eds('a'), eds('x'), cluster('dns', Cluster_DiscoveryType.STRICT_DNS, { loadAssignment: assignment('dns', { lbEndpoints: [lbEndpoint('a.test', 80)] }) })],
    endpoints: [assignment('a', { lbEndpoints: [lbEndpoint('10.1.0.1', 80)] })],
    resolved: { 'a.test': ['10.2.0.1'] },
  });
  const first = build(base);
  const same = (key: string, next: typeof base) => build(next).frontends.get(key) === first.frontends.get(key);
  const cases: [name: string, next: typeof base, changed: { frontends: string[]; clusters: string[] }][] = [
    ['nothing', { ...base, listeners: new Map(base.listeners) }, { frontends: [], clusters: [] }],
    ['an assignment', { ...base, endpoints: new Map([['a', assignment('a', { lbEndpoints: [lbEndpoint('10.1.0.2', 80)] })]]) }, { frontends: [], clusters: ['a'] }],
    ['a looked up name', { ...base, resolved: new Map([['a.test', ['10.2.0.2']]]) }, { frontends: [], clusters: ['dns'] }],
    ['a route table', { ...base, routes: new Map([['80', routeTable('80', [virtualHost(['*'], [prefixRoute('/', 'b')])])]]) }, { frontends: ['10.0.0.2/32:80', '10.0.0.3/32:80'], clusters: [] }],
    ['the kind of a default chain\'s cluster', { ...base, clusters: new Map(base.clusters).set('x', { ...passthrough, name: 'x' }) }, { frontends: ['10.0.0.3/32:80'], clusters: ['x'] }],
  ];
  for (const [name, next, changed] of cases) {
    build(base);
    const model = build(next);
    t.same([...model.clusters].filter(([key, built]) => built !== first.clusters.get(key) && JSON.stringify(built) !== JSON.stringify(first.clusters.get(key))).map(([key]) => key), changed.clusters, name);
    t.same([...model.frontends].filter(([key, built]) => JSON.stringify(built) !== JSON.stringify(first.frontends.get(key))).map(([key]) => key), changed.frontends.filter((key) => key !== '10.0.0.3/32:80' || name.startsWith('the kind')), name);
  }
  t.ok(same('10.0.0.1/32:80', cases[3]![1]), 'a listener without routes is not touched by them');
  t.end();
});

t.test('garbage that decodes never makes the model throw', (t) => {
  const below = random(11);
  const everyMatch = [
    prefixRoute('/a', 'x', { match: { headers: [{ name: 'h', headerMatchSpecifier: { $case: 'stringMatch', value: { matchPattern: { $case: 'safeRegex', value: { regex: '(a|b.*)[cd]+(?i)x{1,3}' } } } } }] } }),
    prefixRoute('', 'y', { match: { pathSpecifier: { $case: 'safeRegex', value: { regex: '/(v[0-9]|w)/.*(e|f)?' } }, queryParameters: [{ name: 'q', queryParameterMatchSpecifier: { $case: 'stringMatch', value: { matchPattern: { $case: 'prefix', value: 'p' } } } }] } }),
    prefixRoute('/', 'a'),
  ];
  const seeds = {
    listener: Listener.encode(listener({ name: 'l', address: at('0.0.0.0', 80), filterChains: [{ filters: [http({ routeSpecifier: { $case: 'routeConfig', value: routeTable('r', [virtualHost(['10.0.0.1', '*'], everyMatch)]) } })] }, { filterChainMatch: { prefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] }, filters: [rds('80')] }] })).finish(),
    route: RouteConfiguration.encode(routeTable('80', [virtualHost(['10.0.0.1', '*'], everyMatch), virtualHost(['*.a', 'b.*'], everyMatch)])).finish(),
    cluster: Cluster.encode(eds('a', { circuitBreakers: { thresholds: [{ maxConnections: 1 }] }, loadAssignment: assignment('a') })).finish(),
    endpoints: ClusterLoadAssignment.encode(assignment('a', { priority: 3, loadBalancingWeight: 2, lbEndpoints: [lbEndpoint('10.0.0.1', 80), lbEndpoint('fd00::1', 80)] })).finish(),
  };
  const mutate = <T>(codec: { decode(bytes: Uint8Array): T }, seed: Uint8Array): T | undefined => {
    const bytes = Uint8Array.from(seed);
    for (let i = 0; i <= below(4); i += 1) bytes[below(bytes.length)] = below(256);
    try {
      return codec.decode(bytes);
    } catch {
      return undefined;
    }
  };
  let built = 0;
  let programs = 0;
  for (let i = 0; i < 1500; i += 1) {
    const l = mutate(Listener, seeds.listener);
    const r = mutate(RouteConfiguration, seeds.route);
    const c = mutate(Cluster, seeds.cluster);
    const e = mutate(ClusterLoadAssignment, seeds.endpoints);
    const model = createModelBuilder()({
      listeners: new Map(l ? [['l', l]] : []),
      routes: new Map(r ? [['80', r]] : []),
      clusters: new Map(c ? [['a', c]] : []),
      endpoints: new Map(e ? [['a', e]] : []),
      resolved: new Map(),
    });
    for (const { virtualHosts } of model.routeTables.values()) {
      for (const { program } of virtualHosts) {
        const problem = problemOf(program);
        if (problem !== undefined) t.fail(problem, { program });
        programs += 1;
      }
    }
    for (const made of model.clusters.values()) {
      const endpoints = made.kind === 'endpoints' ? [...made.ipv4, ...made.ipv6] : [];
      if (endpoints.some(({ weight, port }) => !(weight > 0 && Number.isFinite(weight) && port > 0 && port < 65536))) t.fail('an endpoint that cannot be', { made });
      if (new Set(endpoints.map(({ address, port }) => `${address} ${port}`)).size !== endpoints.length) t.fail('a double', { made });
      built += 1;
    }
  }
  t.ok(built > 100 && programs > 100, `${built} clusters and ${programs} programs were built`);
  t.end();
});

t.test('one assignment among 10,000 costs that one', (t) => {
  const names = Array.from({ length: 10_000 }, (_, i) => `outbound|80||svc-${i}`);
  const endpointsOf = (i: number, n: number) => assignment(names[i]!, { lbEndpoints: Array.from({ length: n }, (_, e) => lbEndpoint(`10.${i >> 8}.${i & 255}.${e + 1}`, 80)) });
  const base = resources({
    listeners: [listener({ name: '0.0.0.0_80', address: at('0.0.0.0', 80), filterChains: [{ filters: [rds('80')] }] })],
    routes: [routeTable('80', names.map((name, i) => virtualHost([`172.16.${i >> 8}.${i & 255}`], [prefixRoute('/', name)])))],
    clusters: names.map((name) => eds(name)),
    endpoints: names.map((_, i) => endpointsOf(i, 10)),
  });
  const build = createModelBuilder();
  const started = performance.now();
  const first = build(base);
  const all = performance.now() - started;
  t.equal(first.frontends.size, 10_001);
  const durations = Array.from({ length: 20 }, (_, i) => {
    const next = { ...base, endpoints: new Map(base.endpoints).set(names[i]!, endpointsOf(i, 9)) };
    const before = performance.now();
    const model = build(next);
    const duration = performance.now() - before;
    if (model.clusters.get(names[99]!) !== first.clusters.get(names[99]!)) t.fail('an unchanged cluster was built anew');
    return duration;
  });
  const median = durations.sort((a, b) => a - b)[10]!;
  t.comment(`all: ${all.toFixed(0)} ms, one assignment: ${median.toFixed(2)} ms`);
  t.ok(median < all / 3, 'far less than all');
  t.end();
});
