// SPDX-License-Identifier: Apache-2.0
import { TrafficDirection } from '../../../daemon/proto/envoy/config/core/v3/base.js';
import { SocketAddress_Protocol } from '../../../daemon/proto/envoy/config/core/v3/address.js';
import { FilterChainMatch_ConnectionSourceType } from '../../../daemon/proto/envoy/config/listener/v3/listener_components.js';
import { at, filter, http, listener, passthrough, prefixRoute, rds, routeTable, tcp, tcpTo, virtualHost } from '../../daemon/model/protos.js';
import type { Area, Case } from '../case.js';
import { get, goes, managed, proxied, to, VIP, vip, withNamed } from './parts.js';

const FIELD = 'listener.v3.Listener';
const MATCH = 'listener.v3.FilterChainMatch';
const TCP = 'filters.network.tcp_proxy.v3.TcpProxy';
const OUTCOMES = 'test/bpf/outcomes.test.ts';
const second = { seconds: 1n, nanos: 0 };

const at00 = (chains: object[], more: object = {}) => withNamed({ listeners: [listener({ name: 'l', address: at('0.0.0.0', 80), filterChains: chains, ...more })] });
const chain = (name: string, match: object) => ({ filterChainMatch: match, filters: [tcpTo(name)] });
const chosen = (match: object): Case['resources'] => withNamed({ listeners: [vip(tcpTo('a'), { filterChains: [chain('a', match)], defaultFilterChain: { filters: [tcpTo('b')] } })] });
const istioHttp = { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] };
const BY_REQUEST = ['filter_chain_match.application_protocols', 'filter_chain_match.transport_protocol'];
const typed = (name: string, type: string) => filter(name, `type.googleapis.com/${type}`);
const inFront = (name: string, type: string): Case['resources'] => withNamed({ listeners: [vip(tcpTo('a'), { filterChains: [{ filters: [typed(name, type), tcpTo('a')] }] })] });
const one = (more: object): Case['resources'] => withNamed({ listeners: [vip(tcpTo('a'), more)] });
const tcpTo1 = (config: object): Case['resources'] => proxied(tcp({ clusterSpecifier: { $case: 'cluster', value: 'a' }, ...config }));
const proxy = (feature: string, field: string, config: object, listed: string): Case => ({ feature, fields: [`${TCP}.${field}`], resources: tcpTo1(config), listed, connections: [[to(), goes('a')]] });

export const addresses: Area = {
  title: 'Listeners: addresses',
  cases: [
    { feature: 'An address and port', fields: [`${FIELD}.address`, 'core.v3.SocketAddress.address', 'core.v3.SocketAddress.port_value'], resources: one({}), connections: [[to(), goes('a')], [to(VIP, 81), { 'no listener': 1 }], [to('10.96.0.2'), { 'no listener': 1 }]], kernel: [OUTCOMES, 'with bpf_set_retval'] },
    { feature: 'More addresses', fields: [`${FIELD}.additional_addresses`], resources: one({ additionalAddresses: [{ address: at('10.96.0.9', 81) }] }), connections: [[to('10.96.0.9', 81), goes('a')], [to(), goes('a')]] },
    { feature: 'All addresses of a port; loopback is left alone', fields: [`${FIELD}.address`], value: '0.0.0.0, ::', resources: withNamed({ listeners: [listener({ name: 'l', address: at('0.0.0.0', 80), filterChains: [{ filters: [tcpTo('a')] }] })] }), connections: [[to('192.0.2.7'), goes('a')], [to('127.0.0.1'), { 'no listener': 1 }]], kernel: [OUTCOMES, 'with bpf_set_retval'] },
    { feature: 'An address goes before all addresses', fields: [`${FIELD}.address`], resources: withNamed({ listeners: [listener({ name: '0', address: at('0.0.0.0', 80), filterChains: [{ filters: [tcpTo('b')] }] }), vip(tcpTo('a'))] }), connections: [[to(), goes('a')], [to('10.96.0.2'), goes('b')]] },
    { feature: 'Of two listeners with one address the first by name', fields: [`${FIELD}.address`], resources: withNamed({ listeners: [vip(tcpTo('a')), vip(tcpTo('b'), { name: 'm' })] }), listed: 'duplicate_address', connections: [[to(), goes('a')]] },
    { feature: 'Redirected connections (virtualOutbound): their own port is not one that is asked for', fields: [`${FIELD}.use_original_dst`], resources: { listeners: [vip(tcpTo('PassthroughCluster'), { name: 'virtualOutbound', useOriginalDst: true })], clusters: [passthrough] }, connections: [[to(), { 'no listener': 1 }]] },
    { feature: 'The same with another end than pass through (REGISTRY_ONLY)', fields: [`${FIELD}.use_original_dst`], resources: one({ name: 'virtualOutbound', useOriginalDst: true }), listed: 'unmatched_traffic', connections: [[to(), { 'no listener': 1 }]] },
    { feature: 'Connections that come to pods (virtualInbound)', fields: [`${FIELD}.traffic_direction`], resources: one({ trafficDirection: TrafficDirection.INBOUND }), listed: 'inbound_listener', connections: [[to(), { 'no listener': 1 }]] },
    { feature: 'Listeners inside Envoy', fields: [`${FIELD}.internal_listener`], resources: one({ address: undefined, listenerSpecifier: { $case: 'internalListener', value: {} } }), listed: 'internal_listener' },
    { feature: 'Listeners for proxyless gRPC', fields: [`${FIELD}.api_listener`], resources: one({ address: undefined, apiListener: {} }), listed: 'api_listener' },
    { feature: 'UDP', fields: ['core.v3.SocketAddress.protocol'], resources: one({ address: { address: { $case: 'socketAddress', value: { address: VIP, portSpecifier: { $case: 'portValue', value: 80 }, protocol: SocketAddress_Protocol.UDP } } } }), listed: 'udp', connections: [[to(), { 'no listener': 1 }]] },
    { feature: 'Ports by name', fields: ['core.v3.SocketAddress.named_port'], resources: one({ address: { address: { $case: 'socketAddress', value: { address: VIP, portSpecifier: { $case: 'namedPort', value: 'http' } } } } }), listed: 'named_port' },
    { feature: 'Port 0', fields: [`${FIELD}.address`], resources: one({ address: at(VIP, 0) }), listed: 'address' },
  ],
};

export const chains: Area = {
  title: 'Listeners: filter chains',
  cases: [
    { feature: 'Destination ranges', fields: [`${MATCH}.prefix_ranges`, 'core.v3.CidrRange.prefix_len'], resources: at00([chain('a', { prefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] }), chain('b', { prefixRanges: [{ addressPrefix: '10.1.0.0', prefixLen: 16 }] }), chain('d', {})]), connections: [[to('10.2.3.4'), goes('a')], [to('10.1.3.4'), goes('b')], [to('11.2.3.4'), goes('d')]] },
    { feature: 'Destination ports', fields: [`${MATCH}.destination_port`], resources: at00([chain('a', { destinationPort: 81 }), chain('b', {})]), connections: [[to('10.2.3.4', 81), goes('a')], [to('10.2.3.4'), goes('b')]] },
    { feature: 'The default filter chain', fields: [`${FIELD}.default_filter_chain`], resources: at00([chain('a', { prefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] })], { defaultFilterChain: { filters: [tcpTo('b')] } }), connections: [[to('10.2.3.4'), goes('a')], [to('11.2.3.4'), goes('b')]] },
    { feature: 'HTTP told from TCP by what the client says, as istiod sends it: requests are routed, others take the default chain', fields: [`${MATCH}.transport_protocol`, `${MATCH}.application_protocols`], resources: { ...withNamed({ listeners: [vip(rds('r'), { filterChains: [{ filterChainMatch: istioHttp, filters: [rds('r')] }], defaultFilterChain: { filters: [tcpTo('b')] } })] }), routes: [routeTable('r', [virtualHost(['*'], [prefixRoute('/', 'a')], 'h')])] }, also: BY_REQUEST, connections: [[get('/'), goes('a')], [to(), goes('b')]], kernel: ['test/bpf/routing.test.ts', 'each outcome'] },
    { feature: 'Server names of TLS', fields: [`${MATCH}.server_names`], resources: chosen({ serverNames: ['example.com'] }), listed: 'filter_chain_match.server_names', connections: [[to(), goes('b')]] },
    { feature: "The client's address", fields: [`${MATCH}.source_prefix_ranges`], resources: chosen({ sourcePrefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] }), listed: 'filter_chain_match.source_prefix_ranges', connections: [[to(), goes('b')]] },
    { feature: "The client's address before a proxy", fields: [`${MATCH}.direct_source_prefix_ranges`], resources: chosen({ directSourcePrefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] }), listed: 'filter_chain_match.direct_source_prefix_ranges' },
    { feature: "The client's port", fields: [`${MATCH}.source_ports`], resources: chosen({ sourcePorts: [1] }), listed: 'filter_chain_match.source_ports' },
    { feature: 'Clients of the own host or others', fields: [`${MATCH}.source_type`], resources: chosen({ sourceType: FilterChainMatch_ConnectionSourceType.EXTERNAL }), listed: 'filter_chain_match.source_type' },
    { feature: 'Chains chosen by a matcher tree', fields: [`${FIELD}.filter_chain_matcher`], resources: one({ filterChainMatcher: {} }), listed: 'filter_chain_matcher' },
    { feature: 'TLS of clients', fields: ['listener.v3.FilterChain.transport_socket'], resources: withNamed({ listeners: [vip(tcpTo('a'), { filterChains: [{ filters: [tcpTo('a')], transportSocket: { name: 'envoy.transport_sockets.tls' } }] })] }), listed: 'downstream_tls', connections: [[to(), goes('a')]] },
    { feature: 'Authorization (RBAC)', fields: ['listener.v3.FilterChain.filters', 'any envoy.extensions.filters.network.rbac.v3.RBAC'], resources: inFront('envoy.filters.network.rbac', 'envoy.extensions.filters.network.rbac.v3.RBAC'), listed: 'rbac', connections: [[to(), goes('a')]] },
    { feature: 'Authorization by a service', fields: ['any envoy.extensions.filters.network.ext_authz.v3.ExtAuthz'], resources: inFront('envoy.filters.network.ext_authz', 'envoy.extensions.filters.network.ext_authz.v3.ExtAuthz'), listed: 'ext_authz' },
    { feature: 'Rate limits', fields: ['any envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit'], resources: inFront('envoy.filters.network.local_ratelimit', 'envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit'), listed: 'rate_limit' },
    { feature: 'WebAssembly', fields: ['any envoy.extensions.filters.network.wasm.v3.Wasm'], resources: inFront('envoy.filters.network.wasm', 'envoy.extensions.filters.network.wasm.v3.Wasm'), listed: 'wasm' },
    { feature: 'Other network filters', fields: ['any example.Filter'], resources: inFront('example', 'example.Filter'), listed: 'network_filter', connections: [[to(), goes('a')]] },
    { feature: 'A chain that ends in a filter which is not known', fields: ['any example.Filter'], resources: proxied(typed('example', 'example.Filter')), listed: 'network_filter', connections: [[to(), { 'pass 12': 1 }]] },
    { feature: 'Listener filters', fields: [`${FIELD}.listener_filters`], value: 'but for TLS inspector, HTTP inspector, original destination', resources: one({ listenerFilters: [{ name: 'envoy.filters.listener.proxy_protocol' }] }), listed: 'listener_filter' },
  ],
};

export const tcpProxies: Area = {
  title: 'TCP proxy',
  cases: [
    proxy('HTTP tunnels', 'tunneling_config', { tunnelingConfig: { hostname: 'x' } }, 'tunneling'),
    proxy('Idle timeout', 'idle_timeout', { idleTimeout: second }, 'idle_timeout'),
    proxy('Longest life of a connection', 'max_downstream_connection_duration', { maxDownstreamConnectionDuration: second }, 'max_connection_duration'),
    proxy('More than one attempt', 'max_connect_attempts', { maxConnectAttempts: 3 }, 'max_connect_attempts'),
    proxy('Hash of anything but the client', 'hash_policy', { hashPolicy: [{ policySpecifier: { $case: 'filterState', value: { key: 'x' } } }] }, 'hash_policy'),
    proxy('Endpoints by metadata', 'metadata_match', { metadataMatch: { filterMetadata: { 'envoy.lb': { version: 'v1' } } } }, 'metadata_match'),
    proxy('Clusters on demand', 'on_demand', { onDemand: {} }, 'on_demand'),
  ],
};

const HCM = 'filters.network.http_connection_manager.v3.HttpConnectionManager';
const manager = (feature: string, field: string, config: object, listed: string): Case => ({ feature, fields: [`${HCM}.${field}`], resources: managed(config), listed, connections: [[get('/'), goes('a')]] });
const withFilter = (feature: string, type: string, listed: string): Case => manager(feature, 'http_filters', { httpFilters: [{ name: type, configType: { $case: 'typedConfig', value: { typeUrl: `type.googleapis.com/${type}`, value: Buffer.from([8, 1]) } } }] }, listed);

export const managers: Area = {
  title: 'HTTP connection manager',
  cases: [
    { feature: 'Routes by RDS', fields: [`${HCM}.rds`], resources: { ...proxied(rds('r')), routes: [routeTable('r', [virtualHost(['*'], [prefixRoute('/', 'a')], 'h')])] }, connections: [[get('/'), goes('a')], [to(), goes('a')]] },
    { feature: 'Routes in the listener', fields: [`${HCM}.route_config`], resources: managed({}), connections: [[get('/'), goes('a')]] },
    { feature: 'A route table that was not sent', fields: [`${HCM}.rds`], resources: proxied(rds('r')), listed: 'route_missing', connections: [[get('/'), { 'pass 12': 1 }]] },
    { feature: 'Scoped routes', fields: [`${HCM}.scoped_routes`], resources: proxied(http({ routeSpecifier: { $case: 'scopedRoutes', value: { name: 'x' } } })), listed: 'scoped_routes', connections: [[get('/'), { 'pass 12': 1 }]] },
    manager('Paths that are put in order', 'normalize_path', { normalizePath: true }, 'path_normalization'),
    manager('Slashes that are merged', 'merge_slashes', { mergeSlashes: true }, 'path_normalization'),
    manager('Escaped slashes', 'path_with_escaped_slashes_action', { pathWithEscapedSlashesAction: 3 }, 'path_normalization'),
    manager('Ports taken off the host', 'strip_matching_host_port', { stripMatchingHostPort: true }, 'strip_port'),
    manager('A dot taken off the host', 'strip_trailing_host_dot', { stripTrailingHostDot: true }, 'strip_dot'),
    manager('Headers changed before routing', 'early_header_mutation_extensions', { earlyHeaderMutationExtensions: [{ name: 'x' }] }, 'header_mutation'),
    manager('HTTP/2 or HTTP/3 only', 'codec_type', { codecType: 2 }, 'codec_type'),
    manager('Timeouts of requests and streams', 'stream_idle_timeout', { streamIdleTimeout: second }, 'timeout'),
    manager('Idle connections', 'common_http_protocol_options', { commonHttpProtocolOptions: { idleTimeout: second } }, 'idle_timeout'),
    manager('Longest life of a connection', 'common_http_protocol_options', { commonHttpProtocolOptions: { maxConnectionDuration: second } }, 'max_connection_duration'),
    manager('Most requests of a connection', 'common_http_protocol_options', { commonHttpProtocolOptions: { maxRequestsPerConnection: 1 } }, 'max_requests_per_connection'),
    manager('Headers with underscores', 'common_http_protocol_options', { commonHttpProtocolOptions: { headersWithUnderscoresAction: 1 } }, 'underscores'),
    withFilter('Authorization (RBAC) of requests', 'envoy.extensions.filters.http.rbac.v3.RBAC', 'rbac'),
    withFilter('JWT', 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', 'jwt_authn'),
    withFilter('Faults', 'envoy.extensions.filters.http.fault.v3.HTTPFault', 'fault'),
    withFilter('Lua', 'envoy.extensions.filters.http.lua.v3.Lua', 'lua'),
    withFilter('Other HTTP filters', 'example.Filter', 'http_filter'),
  ],
};
