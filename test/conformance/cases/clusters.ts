// SPDX-License-Identifier: Apache-2.0
import { Cluster_DiscoveryType, Cluster_DnsLookupFamily, Cluster_LbPolicy } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { RoutingPriority } from '../../../daemon/proto/envoy/config/core/v3/base.js';
import { LeastRequest, LeastRequest_SelectionMethod } from '../../../daemon/proto/envoy/extensions/load_balancing_policies/least_request/v3/least_request.js';
import { Maglev } from '../../../daemon/proto/envoy/extensions/load_balancing_policies/maglev/v3/maglev.js';
import { RoundRobin } from '../../../daemon/proto/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.js';
import { WrrLocality } from '../../../daemon/proto/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.js';
import { HttpProtocolOptions } from '../../../daemon/proto/envoy/extensions/upstreams/http/v3/http_protocol_options.js';
import { assignment, at, blackhole, cluster, eds, lbEndpoint, passthrough, tcp, tcpTo } from '../../daemon/model/protos.js';
import type { Area } from '../case.js';
import { address, down, e, goes, service, to, up, VIP, vip, withNamed } from './parts.js';

const FIELD = 'cluster.v3.Cluster';
const LB = 'type.googleapis.com/envoy.extensions.load_balancing_policies';
const BALANCE = 'test/bpf/balance.test.ts';
const OUTCOMES = 'test/bpf/outcomes.test.ts';
const DNS = 'test/daemon/xds/dns.test.ts';

const policy = (name: string, bytes: Uint8Array) => ({ typedExtensionConfig: { name, typedConfig: { typeUrl: `${LB}.${name}`, value: Buffer.from(bytes) } } });
const policies = (...list: ReturnType<typeof policy>[]) => ({ loadBalancingPolicy: { policies: list } });
const least = (config: Parameters<typeof LeastRequest.fromPartial>[0] = {}) => policy('least_request.v3.LeastRequest', LeastRequest.encode(LeastRequest.fromPartial(config)).finish());
const half = { [e(1)]: 0.5, [e(2)]: 0.5 };
const tls = (name: string, type: string) => ({ name, configType: { $case: 'typedConfig' as const, value: { typeUrl: `type.googleapis.com/envoy.extensions.transport_sockets.${type}`, value: Buffer.alloc(0) } } });
const upstreamTls = tls('envoy.transport_sockets.tls', 'tls.v3.UpstreamTlsContext');
const options = (config: Parameters<typeof HttpProtocolOptions.fromPartial>[0]) => {
  const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return { typedExtensionProtocolOptions: { [name]: { typeUrl: `type.googleapis.com/${name}`, value: Buffer.from(HttpProtocolOptions.encode(HttpProtocolOptions.fromPartial(config)).finish()) } } };
};
const second = { seconds: 1n, nanos: 0 };
const sourceHash = { listeners: [vip(tcp({ clusterSpecifier: { $case: 'cluster', value: 'c' }, hashPolicy: [{ policySpecifier: { $case: 'sourceIp', value: {} } }] }))] };
const hashed = (more: Parameters<typeof eds>[1]) => ({ ...service(more, { lbEndpoints: [up(1)] }), ...sourceHash });

const typed = (type: Cluster_DiscoveryType, more: object = {}) => ({ listeners: [vip(tcpTo('c'))], clusters: [cluster('c', type, more)] });
const named = (host: string) => ({ loadAssignment: assignment('c', { lbEndpoints: [lbEndpoint(host, 80)] }) });

export const types: Area = {
  title: 'Clusters: where their endpoints come from',
  cases: [
    { feature: 'EDS', fields: [`${FIELD}.type`, `${FIELD}.eds_cluster_config`, `${FIELD}.EdsClusterConfig.service_name`], resources: { ...service({ edsClusterConfig: { serviceName: 's' } }), endpoints: [assignment('s', { lbEndpoints: [up(1)] })] }, connections: [[to(), { [e(1)]: 1 }]] },
    { feature: 'Static', fields: [`${FIELD}.load_assignment`], resources: typed(Cluster_DiscoveryType.STATIC, named('10.0.0.1')), connections: [[to(), { [e(1)]: 1 }]] },
    {
      feature: 'Strict DNS: all addresses of a name, both families',
      fields: [`${FIELD}.type`, `${FIELD}.dns_lookup_family`],
      resources: { ...typed(Cluster_DiscoveryType.STRICT_DNS, { ...named('db.example'), dnsLookupFamily: Cluster_DnsLookupFamily.ALL }), resolved: { 'db.example': ['10.0.0.1', '10.0.0.2', 'fd00::1'] } },
      connections: [[to(), half]],
    },
    {
      feature: 'Logical DNS: the first address of a name',
      fields: [`${FIELD}.type`],
      resources: { ...typed(Cluster_DiscoveryType.LOGICAL_DNS, named('db.example')), resolved: { 'db.example': ['10.0.0.1', '10.0.0.2'] } },
      connections: [[to(), { [e(1)]: 1 }]],
    },
    {
      feature: 'Names are looked up again as often as the cluster says: a second at least',
      fields: [`${FIELD}.dns_refresh_rate`],
      resources: { ...typed(Cluster_DiscoveryType.STRICT_DNS, { ...named('db.example'), dnsRefreshRate: second }), resolved: { 'db.example': ['10.0.0.1'] } },
      connections: [[to(), { [e(1)]: 1 }]],
      test: [DNS, 'each cluster says how often; of two the sooner counts, and what is less than a second is one'],
    },
    {
      feature: 'After failures more and more seldom',
      fields: [`${FIELD}.dns_failure_refresh_rate`],
      resources: { ...typed(Cluster_DiscoveryType.STRICT_DNS, { ...named('db.example'), dnsFailureRefreshRate: { baseInterval: second, maxInterval: second } }), resolved: { 'db.example': ['10.0.0.1'] } },
      connections: [[to(), { [e(1)]: 1 }]],
      test: [DNS, 'after failures the waits grow to their bound, and an answer ends them'],
    },
    {
      feature: 'When the lifetime of the records is over: an hour at most. Names in /etc/hosts have none',
      fields: [`${FIELD}.respect_dns_ttl`],
      resources: { ...typed(Cluster_DiscoveryType.STRICT_DNS, { ...named('db.example'), respectDnsTtl: true }), resolved: { 'db.example': ['10.0.0.1'] } },
      connections: [[to(), { [e(1)]: 1 }]],
      test: ['test/daemon/xds/lookup.test.ts', 'the lifetime of the records decides when a name is asked for again'],
    },
    { feature: 'A name that has no address yet', fields: [`${FIELD}.load_assignment`], resources: typed(Cluster_DiscoveryType.STRICT_DNS, named('db.example')), listed: 'unresolved', connections: [[to(), { 'refuse 20': 1 }]] },
    {
      feature: 'Resolvers for names',
      fields: [`${FIELD}.dns_resolvers`],
      resources: { ...typed(Cluster_DiscoveryType.STRICT_DNS, { ...named('db.example'), dnsResolvers: [at('10.96.0.10', 53)] }), resolved: { 'db.example': ['10.0.0.1'] } },
      listed: 'dns_resolver',
      connections: [[to(), { [e(1)]: 1 }]],
    },
    { feature: 'ORIGINAL_DST, as istiod sends it for headless services', fields: [`${FIELD}.type`], resources: typed(Cluster_DiscoveryType.ORIGINAL_DST), connections: [[to(), { 'pass 11': 1 }]], kernel: [OUTCOMES, 'with bpf_set_retval'] },
    {
      feature: 'Another address for ORIGINAL_DST',
      fields: [`${FIELD}.original_dst_lb_config`, `${FIELD}.OriginalDstLbConfig.upstream_port_override`],
      resources: typed(Cluster_DiscoveryType.ORIGINAL_DST, { lbConfig: { $case: 'originalDstLbConfig', value: { upstreamPortOverride: 15008 } } }),
      listed: 'original_dst_override',
      connections: [[to(), { 'pass 11': 1 }]],
    },
    { feature: 'PassthroughCluster', fields: [`${FIELD}.name`], resources: { listeners: [vip(tcpTo('PassthroughCluster'))], clusters: [passthrough] }, connections: [[to(), { 'pass 12': 1 }]], kernel: [OUTCOMES, 'with bpf_set_retval'] },
    { feature: 'BlackHoleCluster', fields: [`${FIELD}.name`], resources: { listeners: [vip(tcpTo('BlackHoleCluster'))], clusters: [blackhole] }, connections: [[to(), { 'refuse 24': 1 }]], kernel: [OUTCOMES, 'with bpf_set_retval'] },
    { feature: 'A cluster that was not sent', fields: [], resources: { listeners: [vip(tcpTo('c'))] }, connections: [[to(), { 'refuse 22': 1 }]], kernel: [OUTCOMES, 'with bpf_set_retval'] },
    { feature: 'Clusters of an extension (aggregate, dynamic forward proxy)', fields: [`${FIELD}.cluster_type`], resources: { listeners: [vip(tcpTo('c'))], clusters: [eds('c', { clusterDiscoveryType: { $case: 'clusterType', value: { name: 'envoy.clusters.aggregate' } } })] }, listed: 'cluster_type', connections: [[to(), { 'pass 11': 1 }]] },
  ],
};

export const policiesOfClusters: Area = {
  title: 'Clusters: load balancing',
  cases: [
    { feature: 'Round robin', fields: [], value: 'lb_policy: ROUND_ROBIN', resources: service(), connections: [[to(), half]], kernel: [BALANCE, 'round robin takes equal endpoints in turn'] },
    { feature: 'Random', fields: [`${FIELD}.lb_policy`], value: 'RANDOM', resources: service({ lbPolicy: Cluster_LbPolicy.RANDOM }), connections: [[to(), half]], kernel: [BALANCE, 'random draws by weight'] },
    { feature: 'Least request', fields: [`${FIELD}.lb_policy`], value: 'LEAST_REQUEST', resources: service({ lbPolicy: Cluster_LbPolicy.LEAST_REQUEST }), model: (t, { clusters }) => t.match(clusters.get('c'), { lb: 'least_request' }), kernel: [BALANCE, 'least request goes around a busy endpoint'] },
    {
      feature: 'Ring hash of the client: its network namespace stands for its address',
      fields: [`${FIELD}.lb_policy`, `${FIELD}.ring_hash_lb_config`, 'filters.network.tcp_proxy.v3.TcpProxy.hash_policy'],
      value: 'RING_HASH',
      resources: hashed({ lbPolicy: Cluster_LbPolicy.RING_HASH, lbConfig: { $case: 'ringHashLbConfig', value: { minimumRingSize: 1024 } } }),
      model: (t, { clusters }) => t.match(clusters.get('c'), { lb: 'source_hash' }),
      connections: [[to(), { [e(1)]: 1 }]],
      kernel: [BALANCE, 'a hash of the client keeps a network namespace to one endpoint'],
    },
    { feature: 'Maglev of the client', fields: [`${FIELD}.lb_policy`], value: 'MAGLEV', resources: hashed({ lbPolicy: Cluster_LbPolicy.MAGLEV }), model: (t, { clusters }) => t.match(clusters.get('c'), { lb: 'source_hash' }), kernel: [BALANCE, 'a hash of the client keeps a network namespace to one endpoint'] },
    { feature: 'The same as an extension', fields: [`${FIELD}.load_balancing_policy`, 'load_balancing_policies.maglev.v3.Maglev.table_size'], resources: hashed(policies(policy('maglev.v3.Maglev', Maglev.encode(Maglev.fromPartial({ tableSize: 1021 })).finish()))), model: (t, { clusters }) => t.match(clusters.get('c'), { lb: 'source_hash' }) },
    { feature: 'Ring hash and Maglev without a hash of the client alone', fields: [`${FIELD}.lb_policy`], value: 'RING_HASH, MAGLEV', resources: service({ lbPolicy: Cluster_LbPolicy.RING_HASH }), listed: 'consistent_hash', connections: [[to(), half]] },
    { feature: 'Bounds and names of hashed hosts', fields: [`${FIELD}.CommonLbConfig.consistent_hashing_lb_config`], resources: hashed({ lbPolicy: Cluster_LbPolicy.MAGLEV, commonLbConfig: { consistentHashingLbConfig: { hashBalanceFactor: 150 } } }), listed: 'hash_config' },
    { feature: 'Policies as extensions, also inside of each other', fields: [`${FIELD}.load_balancing_policy`, 'cluster.v3.LoadBalancingPolicy.policies', 'load_balancing_policies.wrr_locality.v3.WrrLocality.endpoint_picking_policy'], resources: service(policies(policy('wrr_locality.v3.WrrLocality', WrrLocality.encode(WrrLocality.fromPartial({ endpointPickingPolicy: { policies: [least()] } })).finish())), { loadBalancingWeight: 3, lbEndpoints: [up(1)] }, { loadBalancingWeight: 1, lbEndpoints: [up(2)] }), connections: [[to(), { [e(1)]: 0.75, [e(2)]: 0.25 }]] },
    { feature: 'Policies that are not known', fields: [`${FIELD}.load_balancing_policy`], resources: service(policies(policy('override_host.v3.OverrideHost', new Uint8Array()))), listed: 'lb_policy', connections: [[to(), half]] },
    { feature: 'Least request of another kind: number of choices, bias, full scan', fields: ['load_balancing_policies.least_request.v3.LeastRequest.selection_method'], resources: service(policies(least({ selectionMethod: LeastRequest_SelectionMethod.FULL_SCAN }))), listed: 'least_request_config' },
    { feature: 'Slow start', fields: ['load_balancing_policies.round_robin.v3.RoundRobin.slow_start_config'], resources: service(policies(policy('round_robin.v3.RoundRobin', RoundRobin.encode(RoundRobin.fromPartial({ slowStartConfig: { slowStartWindow: second } })).finish()))), listed: 'slow_start' },
    { feature: 'Slow start, older form', fields: [`${FIELD}.round_robin_lb_config`, `${FIELD}.RoundRobinLbConfig.slow_start_config`], resources: service({ lbConfig: { $case: 'roundRobinLbConfig', value: { slowStartConfig: { slowStartWindow: second } } } }), listed: 'slow_start' },
    { feature: 'Subsets by metadata', fields: [`${FIELD}.lb_subset_config`], resources: service({ lbSubsetConfig: { subsetSelectors: [{ keys: ['version'] }] } }), listed: 'lb_subset_config', connections: [[to(), half]] },
    {
      feature: 'Localities weigh their part, less when their endpoints fail',
      fields: [`${FIELD}.CommonLbConfig.locality_weighted_lb_config`, 'endpoint.v3.LocalityLbEndpoints.load_balancing_weight'],
      resources: service({ commonLbConfig: { localityConfigSpecifier: { $case: 'localityWeightedLbConfig', value: {} } } }, { loadBalancingWeight: 3, lbEndpoints: [up(1)] }, { loadBalancingWeight: 1, lbEndpoints: [up(2)] }),
      connections: [[to(), { [e(1)]: 0.75, [e(2)]: 0.25 }]],
    },
    { feature: "Zone aware routing", fields: [`${FIELD}.CommonLbConfig.zone_aware_lb_config`], resources: service({ commonLbConfig: { localityConfigSpecifier: { $case: 'zoneAwareLbConfig', value: { routingEnabled: { value: 100 }, minClusterSize: 1n } } } }), listed: 'zone_aware', connections: [[to(), half]] },
    {
      feature: 'Panic: with too few healthy ones all endpoints are taken',
      fields: [`${FIELD}.common_lb_config`, `${FIELD}.CommonLbConfig.healthy_panic_threshold`],
      resources: service({ commonLbConfig: { healthyPanicThreshold: { value: 60 } } }, { lbEndpoints: [up(1), down(2)] }),
      model: (t, { clusters }) => t.match(clusters.get('c'), { panic: true }),
      connections: [[to(), half]],
      kernel: [OUTCOMES, 'with bpf_set_retval'],
    },
    { feature: 'Panic switched off', fields: [`${FIELD}.CommonLbConfig.healthy_panic_threshold`], value: '0, as istiod sends it', resources: service({ commonLbConfig: { healthyPanicThreshold: { value: 0 } } }, { lbEndpoints: [down(1), down(2)] }), connections: [[to(), { 'refuse 21': 1 }]], kernel: [OUTCOMES, 'with bpf_set_retval'] },
  ],
};

const OUTLIERS = 'cluster.v3.OutlierDetection';
/** Nothing is enforced that goes by answers. */
const NO_ANSWERS = { enforcingConsecutive5xx: 0, enforcingSuccessRate: 0, enforcingLocalOriginSuccessRate: 0 };

const limits = (thresholds: object) => ({ circuitBreakers: { thresholds: [thresholds] } });

export const limitsOfClusters: Area = {
  title: 'Clusters: limits, health, transport',
  cases: [
    { feature: 'Most connections', fields: [`${FIELD}.circuit_breakers`, 'cluster.v3.CircuitBreakers.Thresholds.max_connections'], resources: service(limits({ maxConnections: 7 })), model: (t, { clusters }) => t.match(clusters.get('c'), { maxConnections: 7 }), kernel: ['test/bpf/accounts.test.ts', 'max_connections holds, and a place that is given back is taken again'] },
    { feature: 'Most connections of a cluster that connections go through unchanged (ORIGINAL_DST)', fields: ['cluster.v3.CircuitBreakers.Thresholds.max_connections'], resources: typed(Cluster_DiscoveryType.ORIGINAL_DST, limits({ maxConnections: 7 })), listed: 'circuit_breakers', connections: [[to(), { 'pass 11': 1 }]] },
    { feature: 'Limits of requests and retries', fields: ['cluster.v3.CircuitBreakers.Thresholds.max_requests'], resources: service(limits({ maxRequests: 7 })), listed: 'circuit_breakers' },
    { feature: 'Limits of another priority', fields: ['cluster.v3.CircuitBreakers.Thresholds.priority'], value: 'HIGH', resources: service(limits({ priority: RoutingPriority.HIGH, maxConnections: 7 })), listed: 'circuit_breakers' },
    { feature: 'Limits of a retry budget', fields: ['cluster.v3.CircuitBreakers.Thresholds.retry_budget'], resources: service(limits({ retryBudget: {} })), listed: 'circuit_breakers' },
    { feature: 'Limits of an endpoint', fields: ['cluster.v3.CircuitBreakers.per_host_thresholds'], resources: service({ circuitBreakers: { perHostThresholds: [{ maxConnections: 1 }] } }), listed: 'per_host_thresholds' },
    {
      feature: 'Outlier detection by connects in a row that fail: such endpoints get no connections for a time. Looked at each second',
      fields: [`${FIELD}.outlier_detection`, `${OUTLIERS}.consecutive_local_origin_failure`, `${OUTLIERS}.split_external_local_origin_errors`, `${OUTLIERS}.base_ejection_time`, `${OUTLIERS}.max_ejection_percent`],
      resources: {
        ...service({ outlierDetection: { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailure: 3, baseEjectionTime: second, maxEjectionPercent: 50, ...NO_ANSWERS } }),
        ejected: { c: ['10.0.0.2 80'] },
      },
      connections: [[to(), { [e(1)]: 1 }]],
      kernel: ['test/mesh/outliers.test.ts', 'an endpoint that refuses is ejected, and comes back after its time'],
    },
    {
      feature: 'Outlier detection by answers (5xx): connects in a row that fail count, as they do for Envoy, answers do not',
      fields: [`${OUTLIERS}.consecutive_5xx`, `${OUTLIERS}.consecutive_gateway_failure`],
      resources: service({ outlierDetection: { consecutive5xx: 5, consecutiveGatewayFailure: 3, enforcingConsecutiveGatewayFailure: 100 } }),
      listed: 'outlier_detection',
      model: (t, { clusters }) => t.match(clusters.get('c'), { outliers: { rules: [{ failures: 5, percent: 100 }, { failures: 3, percent: 100 }] } }),
      connections: [[to(), half]],
    },
    { feature: 'Outlier detection by rates of success and of failure', fields: [`${OUTLIERS}.enforcing_success_rate`], resources: service({ outlierDetection: { ...NO_ANSWERS, enforcingSuccessRate: 100 } }), listed: 'outlier_detection', connections: [[to(), half]] },
    { feature: 'Active health checks', fields: [`${FIELD}.health_checks`], resources: service({ healthChecks: [{ timeout: second }] }), listed: 'health_checks' },
    { feature: 'Connections closed when endpoints fail', fields: [`${FIELD}.close_connections_on_host_health_failure`], resources: service({ closeConnectionsOnHostHealthFailure: true }), listed: 'close_on_host_change' },
    { feature: 'TLS to the endpoints', fields: [`${FIELD}.transport_socket`], resources: service({ transportSocket: upstreamTls }), listed: 'upstream_tls', connections: [[to(), half]] },
    {
      feature: 'Mutual TLS that endpoints demand (tlsMode: istio)',
      fields: [`${FIELD}.transport_socket_matches`, `${FIELD}.TransportSocketMatch.match`, 'endpoint.v3.LbEndpoint.metadata'],
      resources: service(
        { transportSocketMatches: [{ name: 'tlsMode-istio', match: { tlsMode: 'istio' }, transportSocket: upstreamTls }, { name: 'tlsMode-disabled', match: {}, transportSocket: tls('envoy.transport_sockets.raw_buffer', 'raw_buffer.v3.RawBuffer') }] },
        { lbEndpoints: [{ ...up(1), metadata: { filterMetadata: { 'envoy.transport_socket_match': { tlsMode: 'istio' } }, typedFilterMetadata: {} } }] },
      ),
      listed: 'upstream_tls',
      connections: [[to(), { [e(1)]: 1 }]],
    },
    { feature: 'Other transports', fields: [`${FIELD}.transport_socket`], value: 'proxy protocol, ALTS, tunnels', resources: service({ transportSocket: tls('envoy.transport_sockets.upstream_proxy_protocol', 'proxy_protocol.v3.ProxyProtocolUpstreamTransport') }), listed: 'transport_socket' },
    { feature: 'Source address', fields: [`${FIELD}.upstream_bind_config`], resources: service({ upstreamBindConfig: { sourceAddress: { address: '10.9.9.9' } } }), listed: 'upstream_bind_config' },
    { feature: 'Probes of idle connections', fields: [`${FIELD}.upstream_connection_options`, 'cluster.v3.UpstreamConnectionOptions.tcp_keepalive'], resources: service({ upstreamConnectionOptions: { tcpKeepalive: { keepaliveTime: 60 } } }), listed: 'tcp_keepalive' },
    { feature: 'Filters on connections to endpoints', fields: [`${FIELD}.filters`], resources: service({ filters: [{ name: 'example.filter' }] }), listed: 'upstream_filter' },
    { feature: 'HTTP filters on requests to endpoints', fields: ['upstreams.http.v3.HttpProtocolOptions.http_filters'], resources: service(options({ httpFilters: [{ name: 'envoy.filters.http.credential_injector' }] })), listed: 'upstream_filter' },
    { feature: 'HTTP/2 to endpoints, whatever the client speaks', fields: [`${FIELD}.typed_extension_protocol_options`, 'upstreams.http.v3.HttpProtocolOptions.explicit_http_config'], resources: service(options({ upstreamProtocolOptions: { $case: 'explicitHttpConfig', value: { protocolConfig: { $case: 'http2ProtocolOptions', value: {} } } } })), listed: 'upstream_protocol' },
    { feature: 'The version of HTTP that the client speaks', fields: ['upstreams.http.v3.HttpProtocolOptions.use_downstream_protocol_config'], resources: service(options({ upstreamProtocolOptions: { $case: 'useDownstreamProtocolConfig', value: { http2ProtocolOptions: {} } } })), connections: [[to(), half]] },
    { feature: 'Most requests of a connection', fields: [`${FIELD}.max_requests_per_connection`], resources: service({ maxRequestsPerConnection: 1 }), listed: 'max_requests_per_connection' },
    { feature: 'Longest life of a connection', fields: ['core.v3.HttpProtocolOptions.max_connection_duration'], resources: service(options({ commonHttpProtocolOptions: { maxConnectionDuration: second } })), listed: 'max_connection_duration' },
  ],
};

const v6 = lbEndpoint('fd00::1', 80);

export const endpoints: Area = {
  title: 'Endpoints',
  cases: [
    { feature: 'Weights', fields: ['endpoint.v3.LbEndpoint.load_balancing_weight'], resources: service({}, { lbEndpoints: [up(1, 3), up(2, 1)] }), connections: [[to(), { [e(1)]: 0.75, [e(2)]: 0.25 }]], kernel: [BALANCE, 'weighted endpoints of a round robin, three places and both families'] },
    { feature: 'Health', fields: ['endpoint.v3.LbEndpoint.health_status'], resources: service({}, { lbEndpoints: [up(1), up(2), down(3)] }), connections: [[to(), half]] },
    { feature: 'Priorities: the next one takes what the first cannot, with overprovisioning', fields: ['endpoint.v3.LocalityLbEndpoints.priority', 'endpoint.v3.ClusterLoadAssignment.Policy.overprovisioning_factor'], resources: { ...service(), endpoints: [{ ...assignment('c', { lbEndpoints: [up(1), down(2)] }, { priority: 1, lbEndpoints: [up(3)] }), policy: { overprovisioningFactor: 100, dropOverloads: [], endpointStaleAfter: undefined, weightedPriorityHealth: false } }] }, connections: [[to(), { [e(1)]: 0.5, [e(3)]: 0.5 }]] },
    { feature: 'No endpoints', fields: [], resources: service({}, { lbEndpoints: [] }), connections: [[to(), { 'refuse 20': 1 }]], kernel: [OUTCOMES, 'with bpf_set_retval'] },
    { feature: 'IPv6, and IPv4 endpoints for IPv6 sockets', fields: ['endpoint.v3.Endpoint.address'], resources: { ...service({}, { lbEndpoints: [v6] }), listeners: [vip(tcpTo('c'), { additionalAddresses: [{ address: at('fd00:96::1', 80) }] })] }, connections: [[to('fd00:96::1'), { 'fd00::1:80': 1 }], [to(VIP), { 'refuse 26': 1 }], [{ ...to(VIP), v6Socket: true }, { 'fd00::1:80': 1 }]], kernel: [OUTCOMES, 'with bpf_set_retval'] },
    { feature: 'Dual stack: an address of each family', fields: ['endpoint.v3.Endpoint.additional_addresses'], resources: { ...service({}, { lbEndpoints: [lbEndpoint('10.0.0.1', 80, undefined, undefined, ['fd00::1'])] }), listeners: [vip(tcpTo('c'), { additionalAddresses: [{ address: at('fd00:96::1', 80) }] })] }, connections: [[to('fd00:96::1'), { 'fd00::1:80': 1 }], [to(VIP), { [e(1)]: 1 }]] },
    { feature: 'Drops by percentage', fields: ['endpoint.v3.ClusterLoadAssignment.Policy.drop_overloads'], resources: { ...service(), endpoints: [{ ...assignment('c', { lbEndpoints: [up(1), up(2)] }), policy: { dropOverloads: [{ category: 'x', dropPercentage: undefined }], overprovisioningFactor: undefined, endpointStaleAfter: undefined, weightedPriorityHealth: false } }] }, listed: 'drop_overloads', at: 'endpoints', connections: [[to(), half]] },
    { feature: 'Endpoints that go stale', fields: ['endpoint.v3.ClusterLoadAssignment.Policy.endpoint_stale_after'], resources: { ...service(), endpoints: [{ ...assignment('c', { lbEndpoints: [up(1), up(2)] }), policy: { dropOverloads: [], overprovisioningFactor: undefined, endpointStaleAfter: second, weightedPriorityHealth: false } }] }, listed: 'endpoint_stale_after', at: 'endpoints' },
    { feature: 'Endpoints inside Envoy (tunnels of ambient)', fields: ['core.v3.Address.envoy_internal_address'], resources: service({}, { lbEndpoints: [up(1), { hostIdentifier: { $case: 'endpoint', value: { address: { address: { $case: 'envoyInternalAddress', value: {} } } } } }] }), listed: 'internal_address', at: 'endpoints', connections: [[to(), { [e(1)]: 1 }]] },
    { feature: 'Unix sockets', fields: ['core.v3.Address.pipe'], resources: service({}, { lbEndpoints: [up(1), { hostIdentifier: { $case: 'endpoint', value: { address: { address: { $case: 'pipe', value: { path: '/x' } } } } } }] }), listed: 'pipe_address', at: 'endpoints' },
    { feature: 'Localities that come by LEDS', fields: ['endpoint.v3.LocalityLbEndpoints.leds_cluster_locality_config'], resources: service({}, { lbEndpoints: [up(1)], lbConfig: { $case: 'ledsClusterLocalityConfig', value: { ledsCollectionName: 'x' } } }), listed: 'leds', at: 'endpoints' },
    { feature: 'Weighted clusters', fields: ['filters.network.tcp_proxy.v3.TcpProxy.weighted_clusters'], resources: withNamed({ listeners: [vip(tcp({ clusterSpecifier: { $case: 'weightedClusters', value: { clusters: [{ name: 'a', weight: 3 }, { name: 'b', weight: 1 }, { name: 'd', weight: 0 }] } } }))] }), connections: [[to(), { [address('a')]: 0.75, [address('b')]: 0.25 }]], kernel: [BALANCE, 'weighted clusters share 80 to 20'] },
    { feature: 'Weighted clusters whose weights are all 0', fields: ['filters.network.tcp_proxy.v3.TcpProxy.weighted_clusters'], resources: withNamed({ listeners: [vip(tcp({ clusterSpecifier: { $case: 'weightedClusters', value: { clusters: [{ name: 'a', weight: 0 }] } } }))] }), connections: [[to(), { 'refuse 23': 1 }]] },
    { feature: 'One cluster', fields: ['filters.network.tcp_proxy.v3.TcpProxy.cluster'], resources: withNamed({ listeners: [vip(tcpTo('a'))] }), connections: [[to(), goes('a')]] },
  ],
};
