// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createModelBuilder } from '../../../daemon/model/build.js';
import type { Cluster, NotEnforced } from '../../../daemon/model/types.js';
import { Cluster_DiscoveryType, Cluster_DnsLookupFamily, Cluster_LbPolicy } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import type { Cluster as ClusterProto } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { HealthStatus } from '../../../daemon/proto/envoy/config/core/v3/health_check.js';
import type { ClusterLoadAssignment } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { LeastRequest } from '../../../daemon/proto/envoy/extensions/load_balancing_policies/least_request/v3/least_request.js';
import { WrrLocality } from '../../../daemon/proto/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.js';
import { assignment, at, blackhole, cluster, eds, lbEndpoint, passthrough, resources } from './protos.js';

const { HEALTHY, UNKNOWN, UNHEALTHY, DRAINING, TIMEOUT, DEGRADED } = HealthStatus;
type Endpoints = Extract<Cluster, { kind: 'endpoints' }>;

function build(proto: ClusterProto, endpoints?: ClusterLoadAssignment, resolved: Record<string, string[]> = {}): { cluster: Cluster; notEnforced: readonly NotEnforced[]; features: string[] } {
  const model = createModelBuilder()(resources({ clusters: [proto], endpoints: endpoints ? [endpoints] : [], resolved }));
  return { cluster: model.clusters.get(proto.name)!, notEnforced: model.notEnforced, features: model.notEnforced.map(({ feature }) => feature).sort() };
}

/** `10.0.0.1*2`: addresses and weights, IPv4 then IPv6. */
const weights = (built: Cluster): string[] => {
  const { ipv4, ipv6 } = built as Endpoints;
  return [...ipv4, ...ipv6].map(({ address, weight }) => `${address}*${Math.round(weight * 1e6) / 1e6}`);
};

const noPanic = { commonLbConfig: { healthyPanicThreshold: { value: 0 } } };
const up = (n: number, weight?: number) => lbEndpoint(`10.0.0.${n}`, 80, HEALTHY, weight);
const down = (n: number) => lbEndpoint(`10.0.0.${n}`, 80, UNHEALTHY);

t.test('health: who gets connections', (t) => {
  const all = assignment('a', { lbEndpoints: [HEALTHY, UNKNOWN, UNHEALTHY, DRAINING, TIMEOUT].map((status, i) => lbEndpoint(`10.0.0.${i + 1}`, 80, status)) });
  t.same(weights(build(eds('a', noPanic), all).cluster), ['10.0.0.1*1', '10.0.0.2*1'], 'Istio: no panic');
  const panicking = build(eds('a'), all).cluster as Endpoints;
  t.equal(panicking.ipv4.length, 5, 'less than half are healthy: all of them');
  t.equal(panicking.panic, true);
  const ill = assignment('a', { lbEndpoints: [down(1), down(2)] });
  t.match(build(eds('a', noPanic), ill).cluster, { ipv4: [], empty: 'all_unhealthy', panic: false });
  t.match(build(eds('a'), ill).cluster, { ipv4: { length: 2 }, panic: true });
  t.match(build(eds('a'), assignment('a')).cluster, { ipv4: [], ipv6: [], empty: 'no_endpoints', panic: false });
  t.match(build(eds('a')).cluster, { kind: 'endpoints', empty: 'no_endpoints' }, 'no assignment');
  const degraded = assignment('a', { lbEndpoints: [lbEndpoint('10.0.0.1', 80, DEGRADED), up(2), up(3)] });
  t.same(weights(build(eds('a'), degraded).cluster), ['10.0.0.1*7', '10.0.0.2*46.5', '10.0.0.3*46.5'], 'degraded take the rest: 140 * 2/3 = 93 %');
  t.end();
});

t.test('weights, priorities and localities', (t) => {
  const locality = { commonLbConfig: { localityConfigSpecifier: { $case: 'localityWeightedLbConfig' as const, value: {} } } };
  const cases: { name: string; proto: ClusterProto; endpoints: ClusterLoadAssignment; weights: string[] }[] = [
    { name: 'unset and 0 are 1', proto: eds('a'), endpoints: assignment('a', { lbEndpoints: [up(1), up(2, 0), up(3, 7)] }), weights: ['10.0.0.1*1', '10.0.0.2*1', '10.0.0.3*7'] },
    {
      name: 'locality weights do not count unless asked for',
      proto: eds('a'),
      endpoints: assignment('a', { loadBalancingWeight: 9, lbEndpoints: [up(1)] }, { loadBalancingWeight: 1, lbEndpoints: [up(2)] }),
      weights: ['10.0.0.1*1', '10.0.0.2*1'],
    },
    {
      name: 'locality weights, times the weight in the locality',
      proto: eds('a', locality),
      endpoints: assignment('a', { loadBalancingWeight: 3, lbEndpoints: [up(1, 1), up(2, 2)] }, { loadBalancingWeight: 1, lbEndpoints: [up(3)] }, { lbEndpoints: [up(4)] }),
      weights: ['10.0.0.1*25', '10.0.0.2*50', '10.0.0.3*25', '10.0.0.4*0'].slice(0, 3),
    },
    {
      name: 'a locality that fails gets less',
      proto: eds('a', locality),
      endpoints: assignment('a', { loadBalancingWeight: 1, lbEndpoints: [up(1), down(2)] }, { loadBalancingWeight: 1, lbEndpoints: [up(3), up(4)] }),
      weights: ['10.0.0.1*41.176471', '10.0.0.3*29.411765', '10.0.0.4*29.411765'],
    },
    {
      name: 'localities that come out equal are exactly equal',
      proto: eds('a', locality),
      endpoints: assignment('a', ...[1, 2, 3].map((n) => ({ loadBalancingWeight: 1, lbEndpoints: [up(n)] }))),
      weights: ['10.0.0.1*1', '10.0.0.2*1', '10.0.0.3*1'],
    },
    {
      name: 'a lower priority waits',
      proto: eds('a'),
      endpoints: assignment('a', { priority: 1, lbEndpoints: [up(9)] }, { priority: 0, lbEndpoints: [up(1), up(2)] }),
      weights: ['10.0.0.1*1', '10.0.0.2*1'],
    },
    {
      name: 'and takes what the higher cannot',
      proto: eds('a'),
      endpoints: assignment('a', { priority: 0, lbEndpoints: [up(1), down(2)] }, { priority: 5, lbEndpoints: [up(9)] }),
      weights: ['10.0.0.1*70', '10.0.0.9*30'],
    },
    { name: 'doubles count once', proto: eds('a'), endpoints: assignment('a', { lbEndpoints: [up(1), up(1), up(2)] }), weights: ['10.0.0.1*1', '10.0.0.2*1'] },
    {
      name: 'both addresses of an endpoint',
      proto: eds('a'),
      endpoints: assignment('a', { lbEndpoints: [lbEndpoint('10.0.0.1', 80, HEALTHY, 3, ['FD00::1', '10.0.0.99']), lbEndpoint('::ffff:10.0.0.2', 80)] }),
      weights: ['10.0.0.1*3', '10.0.0.2*1', 'fd00::1*3'],
    },
  ];
  for (const { name, proto, endpoints, weights: expected } of cases) t.same(weights(build(proto, endpoints).cluster), expected, name);
  t.end();
});

t.test('kinds of cluster', (t) => {
  const inline = (host: string) => ({ loadAssignment: assignment('a', { lbEndpoints: [lbEndpoint(host, 80)] }) });
  const { STATIC, STRICT_DNS, LOGICAL_DNS, ORIGINAL_DST } = Cluster_DiscoveryType;
  t.same(weights(build(cluster('a', STATIC, inline('10.0.0.1'))).cluster), ['10.0.0.1*1']);
  t.same(build(passthrough).cluster, { kind: 'pass', name: 'PassthroughCluster', reason: 'passthrough' });
  t.same(build(cluster('x', ORIGINAL_DST)).cluster, { kind: 'pass', name: 'x', reason: 'original_dst' });
  t.same(build(blackhole).cluster, { kind: 'refuse', name: 'BlackHoleCluster', reason: 'blackhole' });
  t.match(build(cluster('x', STATIC)).cluster, { kind: 'endpoints', empty: 'no_endpoints' });
  const names = { 'a.test': ['10.0.0.2', 'fd00::2', '10.0.0.1'] };
  t.same(weights(build(cluster('a', STRICT_DNS, inline('a.test')), undefined, names).cluster), ['10.0.0.2*1', '10.0.0.1*1', 'fd00::2*1']);
  t.same(weights(build(cluster('a', LOGICAL_DNS, inline('a.test')), undefined, names).cluster), ['10.0.0.2*1', 'fd00::2*1']);
  t.same(weights(build(cluster('a', STRICT_DNS, { ...inline('a.test'), dnsLookupFamily: Cluster_DnsLookupFamily.V6_ONLY }), undefined, names).cluster), ['fd00::2*1']);
  t.same(build(cluster('a', STRICT_DNS, inline('a.test'))).features, ['unresolved']);
  const other = build(eds('b', { clusterDiscoveryType: { $case: 'clusterType', value: { name: 'envoy.clusters.aggregate' } } }));
  t.same([other.cluster.kind, other.features], ['pass', ['cluster_type']]);
  const renamed = eds('a', { edsClusterConfig: { serviceName: 'other name' } });
  t.same(weights(build(renamed, assignment('other name', { lbEndpoints: [up(1)] })).cluster), ['10.0.0.1*1']);
  t.end();
});

t.test('load balancing policies', (t) => {
  const policy = (typeUrl: string, value: Uint8Array = new Uint8Array()) => ({ typedExtensionConfig: { name: 'x', typedConfig: { typeUrl: `type.googleapis.com/${typeUrl}`, value: Buffer.from(value) } } });
  const LB = 'envoy.extensions.load_balancing_policies.';
  const least = policy(`${LB}least_request.v3.LeastRequest`, LeastRequest.encode(LeastRequest.fromPartial({})).finish());
  const wrr = policy(`${LB}wrr_locality.v3.WrrLocality`, WrrLocality.encode(WrrLocality.fromPartial({ endpointPickingPolicy: { policies: [least] } })).finish());
  const cases: [Parameters<typeof eds>[1], string, string[]][] = [
    [{}, 'round_robin', []],
    [{ lbPolicy: Cluster_LbPolicy.LEAST_REQUEST }, 'least_request', []],
    [{ lbPolicy: Cluster_LbPolicy.RANDOM }, 'random', []],
    [{ lbPolicy: Cluster_LbPolicy.RING_HASH }, 'random', ['consistent_hash']],
    [{ lbPolicy: Cluster_LbPolicy.MAGLEV }, 'random', ['consistent_hash']],
    [{ lbPolicy: 99 as Cluster_LbPolicy }, 'round_robin', ['lb_policy']],
    [{ loadBalancingPolicy: { policies: [policy('unknown.Policy'), least] } }, 'least_request', []],
    [{ loadBalancingPolicy: { policies: [wrr] } }, 'least_request', []],
    [{ loadBalancingPolicy: { policies: [policy(`${LB}random.v3.Random`, Uint8Array.of(0xff))] } }, 'random', []],
    [{ loadBalancingPolicy: { policies: [policy(`${LB}maglev.v3.Maglev`)] } }, 'random', ['consistent_hash']],
    [{ loadBalancingPolicy: { policies: [policy('unknown.Policy')] } }, 'round_robin', ['lb_policy']],
  ];
  for (const [more, lb, features] of cases) {
    const built = build(eds('a', more));
    t.same([(built.cluster as Endpoints).lb, built.features], [lb, features], JSON.stringify(more));
  }
  const weighted = build(eds('a', { loadBalancingPolicy: { policies: [wrr] } }), assignment('a', { loadBalancingWeight: 3, lbEndpoints: [up(1)] }, { loadBalancingWeight: 1, lbEndpoints: [up(2)] }));
  t.same(weights(weighted.cluster), ['10.0.0.1*75', '10.0.0.2*25'], 'wrr_locality makes locality weights count');
  t.end();
});

t.test('max_connections is that of the default priority; no limit is none', (t) => {
  const limit = (thresholds: { priority?: number; maxConnections?: number }[]) => (build(eds('a', { circuitBreakers: { thresholds } })).cluster as Endpoints).maxConnections;
  t.equal(limit([{ priority: 1, maxConnections: 5 }, { maxConnections: 100 }]), 100);
  t.equal(limit([{ maxConnections: 0xffffffff }]), undefined);
  t.equal(limit([{ maxConnections: 0 }]), 0);
  t.equal(limit([]), undefined);
  t.end();
});

t.test('what a cluster and its endpoints ask for beyond that is listed', (t) => {
  const tls = { name: 'tls', configType: { $case: 'typedConfig' as const, value: { typeUrl: 't/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', value: Buffer.alloc(0) } } };
  const raw = { name: 'raw', configType: { $case: 'typedConfig' as const, value: { typeUrl: 't/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', value: Buffer.alloc(0) } } };
  const autoMtls = { transportSocketMatches: [{ name: 'm', match: { tlsMode: 'istio' }, transportSocket: tls }, { name: 'd', match: {}, transportSocket: raw }] };
  const meshed = { ...up(1), metadata: { filterMetadata: { 'envoy.transport_socket_match': { tlsMode: 'istio' } }, typedFilterMetadata: {} } };
  const cases: [name: string, proto: ClusterProto, endpoints: ClusterLoadAssignment, features: string[]][] = [
    ['TLS', eds('a', { transportSocket: tls }), assignment('a'), ['upstream_tls']],
    ['another transport', eds('a', { transportSocket: { name: 'x' } }), assignment('a'), ['transport_socket']],
    ['mTLS by metadata, and an endpoint that has it', eds('a', autoMtls), assignment('a', { lbEndpoints: [meshed, up(2)] }), ['upstream_tls']],
    ['mTLS by metadata, and none that has it', eds('a', autoMtls), assignment('a', { lbEndpoints: [up(1), up(2)] }), []],
    ['ejection, probes', eds('a', { outlierDetection: {}, healthChecks: [{}] }), assignment('a'), ['health_checks', 'outlier_detection']],
    ['limits of requests', eds('a', { circuitBreakers: { thresholds: [{ maxRetries: 3 }], perHostThresholds: [{ maxConnections: 1 }] } }), assignment('a'), ['circuit_breakers', 'per_host_thresholds']],
    ['drops', eds('a'), { ...assignment('a'), policy: { dropOverloads: [{ category: 'x', dropPercentage: undefined }], overprovisioningFactor: undefined, endpointStaleAfter: undefined, weightedPriorityHealth: false } }, ['drop_overloads']],
    [
      'endpoints that a connect() cannot reach, one entry a kind',
      eds('a'),
      assignment('a', {
        lbEndpoints: [
          up(1),
          ...[1, 2].map(() => ({ hostIdentifier: { $case: 'endpoint' as const, value: { address: { address: { $case: 'envoyInternalAddress' as const, value: {} } } } } })),
          { hostIdentifier: { $case: 'endpoint', value: { address: { address: { $case: 'pipe', value: { path: '/x' } } } } } },
          { hostIdentifier: { $case: 'endpoint', value: { address: at('10.0.0.2', 0) } } },
          {},
        ],
      }),
      ['address', 'internal_address', 'pipe_address'],
    ],
  ];
  for (const [name, proto, endpoints, features] of cases) t.same(build(proto, endpoints).features, features, name);
  t.match(build(cases[7]![1], cases[7]![2]).notEnforced.find(({ feature }) => feature === 'internal_address'), { resourceType: 'endpoints', resource: 'a', path: 'endpoints[0].lbEndpoints[1]', reason: /2 places/ });
  t.end();
});
