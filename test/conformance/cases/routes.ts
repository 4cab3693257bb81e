// SPDX-License-Identifier: Apache-2.0
import { RouteAction_InternalRedirectAction, VirtualHost_TlsRequirementType } from '../../../daemon/proto/envoy/config/route/v3/route_components.js';
import { RoutingPriority } from '../../../daemon/proto/envoy/config/core/v3/base.js';
import { FractionalPercent_DenominatorType } from '../../../daemon/proto/envoy/type/v3/percent.js';
import { prefixRoute, routeTable, virtualHost, rds } from '../../daemon/model/protos.js';
import type { Area, Case } from '../case.js';
import { acting, address, get, goes, matched, routed, to, vip, withNamed } from './parts.js';

const ROUTING = 'test/bpf/routing.test.ts';
const MATCH = 'route.v3.RouteMatch';
const HEADER = 'route.v3.HeaderMatcher';
const ACTION = 'route.v3.RouteAction';
const HOST = 'route.v3.VirtualHost';
const KEEP_ALIVE = ['keep_alive'];
const second = { seconds: 1n, nanos: 0 };

/** The first paths go to a, the others to b. */
const path = (feature: string, field: string, specifier: object, yes: readonly string[], no: readonly string[], more: object = {}): Case => ({
  feature,
  fields: [`${MATCH}.${field}`],
  resources: matched({ pathSpecifier: specifier, ...more }),
  also: KEEP_ALIVE,
  connections: [...yes.map((one) => [get(one), goes('a')] as const), ...no.map((one) => [get(one), goes('b')] as const)],
});

/** Requests with these values of the header x go to a, the others to b. undefined: without it. */
const header = (feature: string, fields: readonly string[], matcher: object, yes: readonly (string | undefined)[], no: readonly (string | undefined)[]): Case => {
  const request = (value: string | undefined) => get('/', value === undefined ? {} : { x: value });
  return { feature, fields, resources: matched({ headers: [{ name: 'x', ...matcher }] }), also: KEEP_ALIVE, connections: [...yes.map((one) => [request(one), goes('a')] as const), ...no.map((one) => [request(one), goes('b')] as const)] };
};
const string = (kind: string, value: unknown, ignoreCase = false) => ({ headerMatchSpecifier: { $case: 'stringMatch', value: { matchPattern: { $case: kind, value }, ignoreCase } } });
const STRING = [`${HEADER}.string_match`];

const parameter = (feature: string, specifier: object, yes: string, no: string): Case => ({ feature, fields: [`${MATCH}.query_parameters`], resources: matched({ queryParameters: [{ name: 'q', queryParameterMatchSpecifier: specifier }] }), also: KEEP_ALIVE, connections: [[get(yes), goes('a')], [get(no), goes('b')]] });
/** What cannot be decided takes the default decision, which is b's: the route that takes every request. */
const undecided = (feature: string, fields: readonly string[], match: object, listed: string): Case => ({ feature, fields, resources: matched(match), listed, connections: [[get('/'), goes('b')]] });

export const matches: Area = {
  title: 'Routes: what a request is matched by',
  cases: [
    { ...path('A beginning of the path', 'prefix', { $case: 'prefix', value: '/a' }, ['/a', '/ab?x'], ['/b', '/A']), kernel: [ROUTING, 'each outcome'] },
    path('The path', 'path', { $case: 'path', value: '/a' }, ['/a', '/a?x'], ['/ab']),
    path('Whole segments', 'path_separated_prefix', { $case: 'pathSeparatedPrefix', value: '/a' }, ['/a', '/a/b'], ['/ab']),
    path('In any case', 'case_sensitive', { $case: 'path', value: '/Ab' }, ['/aB'], ['/abc'], { caseSensitive: false }),
    { ...path('Regular expressions', 'safe_regex', { $case: 'safeRegex', value: { regex: '/users/[^/]+' } }, ['/users/7'], ['/users/7/x', '/users/']), kernel: ['test/bpf/automata.test.ts', 'random expressions and texts, as RE2 answers'] },
    { feature: 'Expressions that are too large or not read', fields: [`${MATCH}.safe_regex`], resources: matched({ pathSpecifier: { $case: 'safeRegex', value: { regex: '/[^/]{600}' } } }), listed: 'regex', connections: [[get('/a'), goes('b')]] },
    header('Headers: whole value', STRING, string('exact', 'v'), ['v'], ['V', undefined]),
    header('Headers: beginning', STRING, string('prefix', 'v'), ['va'], ['av']),
    header('Headers: end', STRING, string('suffix', 'v'), ['av'], ['va']),
    header('Headers: contained', STRING, string('contains', 'v'), ['ava'], ['a']),
    header('Headers: expressions', STRING, string('safeRegex', { regex: 'v[0-9]+' }), ['v1'], ['v']),
    header('Headers: in any case', STRING, string('exact', 'v', true), ['V'], ['w']),
    header('Headers: there or not', [`${HEADER}.present_match`], { headerMatchSpecifier: { $case: 'presentMatch', value: true } }, ['', 'v'], [undefined]),
    header('Headers: inverted', [`${HEADER}.invert_match`], { ...string('exact', 'v'), invertMatch: true }, ['w'], ['v', undefined]),
    header('Headers: missing taken for empty', [`${HEADER}.treat_missing_header_as_empty`], { ...string('exact', ''), treatMissingHeaderAsEmpty: true }, ['', undefined], ['v']),
    header('Headers: numbers in a range', [`${HEADER}.range_match`], { headerMatchSpecifier: { $case: 'rangeMatch', value: { start: 1n, end: 5n } } }, ['1', '4'], ['5', 'x', undefined]),
    header('Headers: older forms', [`${HEADER}.exact_match`], { headerMatchSpecifier: { $case: 'exactMatch', value: 'v' } }, ['v'], ['w']),
    header('Headers: older forms, expressions', [`${HEADER}.safe_regex_match`], { headerMatchSpecifier: { $case: 'safeRegexMatch', value: { regex: '[ab]+' } } }, ['ab'], ['c']),
    { feature: 'Method, authority, scheme', fields: [`${HEADER}.name`], value: ':method, :authority, :scheme', resources: matched({ headers: [{ name: ':method', ...string('exact', 'PUT') }] }), also: KEEP_ALIVE, connections: [[to(undefined, 80, { method: 'PUT', path: '/', host: 'h' }), goes('a')], [get('/'), goes('b')]] },
    parameter('Query parameters: value', { $case: 'stringMatch', value: { matchPattern: { $case: 'exact', value: '1' } } }, '/?q=1', '/?q=2'),
    parameter('Query parameters: there or not', { $case: 'presentMatch', value: true }, '/?q', '/'),
    { feature: 'gRPC, by its content type', fields: [`${MATCH}.grpc`], resources: matched({ grpc: {} }), also: KEEP_ALIVE, connections: [[get('/', { 'content-type': 'application/grpc' }), goes('a')], [get('/'), goes('b')]] },
    { feature: 'A fraction of all or none', fields: [`${MATCH}.runtime_fraction`], resources: matched({ runtimeFraction: { defaultValue: { numerator: 100, denominator: FractionalPercent_DenominatorType.HUNDRED } } }), also: KEEP_ALIVE, connections: [[get('/'), goes('a')]] },
    undecided('A fraction of a part', [`${MATCH}.runtime_fraction`], { runtimeFraction: { defaultValue: { numerator: 50, denominator: FractionalPercent_DenominatorType.HUNDRED } } }, 'runtime_fraction'),
    { feature: 'Certificates of clients', fields: [`${MATCH}.tls_context`], resources: matched({ tlsContext: { presented: true } }), connections: [[get('/'), goes('b')]] },
    undecided('Metadata of filters', [`${MATCH}.dynamic_metadata`], { dynamicMetadata: [{ filter: 'x' }] }, 'dynamic_metadata'),
    undecided('Path templates and other kinds', [`${MATCH}.path_match_policy`], { pathSpecifier: { $case: 'pathMatchPolicy', value: { name: 'x' } } }, 'path_match'),
    { feature: 'CONNECT', fields: [`${MATCH}.connect_matcher`], resources: matched({ pathSpecifier: { $case: 'connectMatcher', value: {} } }), listed: 'connect_matcher', connections: [[get('/'), goes('b')]] },
    undecided('Matches of strings by extensions', STRING, { headers: [{ name: 'x', ...string('custom', { name: 'y' }), treatMissingHeaderAsEmpty: true }] }, 'string_match'),
    undecided('A text to be contained of more than 48 bytes', STRING, { headers: [{ name: ':path', ...string('contains', `/${'x'.repeat(50)}`) }] }, 'long_match'),
    { feature: 'Headers that a proxy sets itself', fields: [`${HEADER}.name`], value: 'x-forwarded-proto', resources: matched({ headers: [{ name: 'x-forwarded-proto', ...string('exact', 'http') }] }), listed: 'proxy_header', also: KEEP_ALIVE, connections: [[get('/', { 'x-forwarded-proto': 'http' }), goes('a')]] },
  ],
};

const action = (feature: string, field: string, value: object, listed: string): Case => ({ feature, fields: [`${ACTION}.${field}`], resources: acting(value), listed, connections: [[get('/'), goes('a')]] });
const arm = (feature: string, field: string, value: object, listed: string): Case => ({ feature, fields: [`route.v3.WeightedCluster.ClusterWeight.${field}`], resources: acting({ clusterSpecifier: { $case: 'weightedClusters', value: { clusters: [{ name: 'a', weight: 1, ...value }] } } }), listed, connections: [[get('/'), goes('a')]] });
const weighted = (clusters: object[], more: object = {}) => ({ clusterSpecifier: { $case: 'weightedClusters', value: { clusters, ...more } } });
const instead = (feature: string, field: string, value: object, listed: string): Case => ({
  feature,
  fields: [`route.v3.Route.${field}`],
  resources: routed([prefixRoute('/x', 'a', { action: value as never }), prefixRoute('/', 'b')]),
  listed,
  connections: [[get('/x'), goes('b')]],
});
const percent = { numerator: 1, denominator: FractionalPercent_DenominatorType.HUNDRED };
const anyOf = (type: string) => ({ typeUrl: `type.googleapis.com/${type}`, value: Buffer.alloc(0) });

export const actions: Area = {
  title: 'Routes: where they lead, and what else they ask for',
  cases: [
    { feature: 'A cluster', fields: [`${ACTION}.cluster`], resources: acting({}), connections: [[get('/'), goes('a')]], kernel: [ROUTING, 'each outcome'] },
    { feature: 'Weighted clusters', fields: [`${ACTION}.weighted_clusters`], resources: acting(weighted([{ name: 'a', weight: 80 }, { name: 'b', weight: 20 }, { name: 'd', weight: 0 }])), connections: [[get('/'), { [address('a')]: 0.8, [address('b')]: 0.2 }]] },
    { feature: 'Weighted clusters by a value of the request', fields: ['route.v3.WeightedCluster.header_name'], resources: acting(weighted([{ name: 'a', weight: 1 }, { name: 'b', weight: 1 }], { randomValueSpecifier: { $case: 'headerName', value: 'x' } })), listed: 'random_value', connections: [[get('/'), { [address('a')]: 0.5, [address('b')]: 0.5 }]] },
    { feature: 'A cluster that a header names', fields: [`${ACTION}.cluster_header`], resources: routed([prefixRoute('/x', 'a', { action: { $case: 'route', value: { clusterSpecifier: { $case: 'clusterHeader', value: 'x' } } } }), prefixRoute('/', 'b')]), listed: 'cluster_header', connections: [[get('/x'), goes('b')]] },
    instead('Redirects', 'redirect', { $case: 'redirect', value: {} }, 'redirect'),
    instead('Direct responses', 'direct_response', { $case: 'directResponse', value: { status: 404 } }, 'direct_response'),
    instead('Other actions', 'non_forwarding_action', { $case: 'nonForwardingAction', value: {} }, 'route_action'),
    action('Retries', 'retry_policy', { retryPolicy: { retryOn: '5xx' } }, 'retry_policy'),
    action('Timeouts', 'timeout', { timeout: second }, 'timeout'),
    action('Timeouts of gRPC', 'max_grpc_timeout', { maxGrpcTimeout: second }, 'timeout'),
    action('Longest streams', 'max_stream_duration', { maxStreamDuration: { maxStreamDuration: second } }, 'timeout'),
    action('Mirroring', 'request_mirror_policies', { requestMirrorPolicies: [{ cluster: 'b' }] }, 'mirror'),
    action('Paths rewritten', 'prefix_rewrite', { prefixRewrite: '/y' }, 'rewrite'),
    action('Paths rewritten by expression', 'regex_rewrite', { regexRewrite: { pattern: { regex: 'x' } } }, 'rewrite'),
    action('Hosts rewritten', 'host_rewrite_literal', { hostRewriteSpecifier: { $case: 'hostRewriteLiteral', value: 'x' } }, 'rewrite'),
    { feature: "Hash of the client's address", fields: [`${ACTION}.hash_policy`, `${ACTION}.HashPolicy.connection_properties`], resources: acting({ hashPolicy: [{ policySpecifier: { $case: 'connectionProperties', value: { sourceIp: true } } }] }), connections: [[get('/'), goes('a')]], kernel: ['test/bpf/balance.test.ts', 'a hash of the client keeps a network namespace to one endpoint'] },
    action('Hash of a header', 'HashPolicy.header', { hashPolicy: [{ policySpecifier: { $case: 'header', value: { headerName: 'x' } } }] }, 'hash_policy'),
    action('Hash of a cookie', 'HashPolicy.cookie', { hashPolicy: [{ policySpecifier: { $case: 'cookie', value: { name: 'x' } } }] }, 'hash_policy'),
    action('Hash of a query parameter', 'HashPolicy.query_parameter', { hashPolicy: [{ policySpecifier: { $case: 'queryParameter', value: { name: 'x' } } }] }, 'hash_policy'),
    action('Hash of the client and something else', 'hash_policy', { hashPolicy: [{ policySpecifier: { $case: 'connectionProperties', value: { sourceIp: true } } }, { policySpecifier: { $case: 'header', value: { headerName: 'x' } } }] }, 'hash_policy'),
    action('Rate limits', 'rate_limits', { rateLimits: [{}] }, 'rate_limit'),
    action('CORS', 'cors', { cors: {} }, 'cors'),
    action('Hedging', 'hedge_policy', { hedgePolicy: {} }, 'hedge_policy'),
    action('Redirects followed inside', 'internal_redirect_policy', { internalRedirectPolicy: {} }, 'internal_redirect'),
    action('Redirects followed inside, older form', 'internal_redirect_action', { internalRedirectAction: RouteAction_InternalRedirectAction.HANDLE_INTERNAL_REDIRECT }, 'internal_redirect'),
    action('Endpoints by metadata', 'metadata_match', { metadataMatch: { filterMetadata: { 'envoy.lb': { v: '1' } } } }, 'metadata_match'),
    action('Another priority', 'priority', { priority: RoutingPriority.HIGH }, 'route_priority'),
    arm('Headers changed by one of the clusters', 'request_headers_to_add', { requestHeadersToAdd: [{ header: { key: 'x', value: 'y' } }] }, 'header_mutation'),
    arm('Hosts rewritten by one of the clusters', 'host_rewrite_literal', { hostRewriteSpecifier: { $case: 'hostRewriteLiteral', value: 'x' } }, 'rewrite'),
    arm('Endpoints by metadata of one of the clusters', 'metadata_match', { metadataMatch: { filterMetadata: { 'envoy.lb': { v: '1' } } } }, 'metadata_match'),
    arm('Settings of a filter for one of the clusters', 'typed_per_filter_config', { typedPerFilterConfig: { 'example.filter': anyOf('example.Filter') } }, 'per_filter_config'),
    { feature: 'Headers changed', fields: ['route.v3.Route.request_headers_to_add'], resources: routed([prefixRoute('/', 'a', { requestHeadersToAdd: [{ header: { key: 'x', value: 'y' } }] })]), listed: 'header_mutation', connections: [[get('/'), goes('a')]] },
    { feature: 'Settings of a filter for a route', fields: ['route.v3.Route.typed_per_filter_config'], resources: routed([prefixRoute('/', 'a', { typedPerFilterConfig: { 'example.filter': anyOf('example.Filter') } })]), listed: 'per_filter_config', connections: [[get('/'), goes('a')]] },
  ],
};

const hosts = (...list: [domains: string[], cluster: string][]): Case['resources'] => ({ ...withNamed({ listeners: [vip(rds('r'))] }), routes: [routeTable('r', list.map(([domains, cluster]) => virtualHost(domains, [prefixRoute('/', cluster)])))] });
const from = (host: string) => get('/', {}, host);
const host = (feature: string, field: string, value: object, listed: string): Case => ({ feature, fields: [`${HOST}.${field}`], resources: routed([prefixRoute('/', 'a')], value), listed, connections: [[get('/'), goes('a')]] });
const CONFIG = 'route.v3.RouteConfiguration';
const config = (feature: string, field: string, value: object, listed: string): Case => ({ feature, fields: [`${CONFIG}.${field}`], resources: routed([prefixRoute('/', 'a')], {}, value), listed, connections: [[get('/'), goes('a')]] });

export const virtualHosts: Area = {
  title: 'Virtual hosts and route tables',
  cases: [
    { feature: 'Domains: whole, suffix, prefix, any, in this order', fields: [`${HOST}.domains`], resources: hosts([['a.example'], 'a'], [['*.example'], 'b'], [['a.*'], 'd'], [['*'], 'f']), connections: [[from('a.example'), goes('a')], [from('A.Example'), goes('a')], [from('x.example'), goes('b')], [from('a.other'), goes('d')], [from('other'), goes('f')]], kernel: ['test/bpf/virtualHosts.test.ts', 'what no domain can hold takes the default decision, counted apart'] },
    { feature: 'No virtual host for the host: the default decision', fields: [`${HOST}.domains`], resources: hosts([['a.example'], 'a']), connections: [[from('other'), { 'pass 12': 1 }]] },
    { feature: 'Addresses among the domains: the default decision for connections whose request is not read', fields: [`${HOST}.domains`], resources: { ...withNamed({ listeners: [vip(rds('r'), { address: { address: { $case: 'socketAddress', value: { address: '0.0.0.0', portSpecifier: { $case: 'portValue', value: 80 } } } } })] }), routes: [routeTable('r', [virtualHost(['svc', '10.96.0.1'], [prefixRoute('/', 'a')]), virtualHost(['*'], [prefixRoute('/', 'b')])])] }, connections: [[to(), goes('a')], [to('10.96.0.2'), goes('b')]] },
    { feature: 'Ports of hosts ignored', fields: [`${CONFIG}.ignore_port_in_host_matching`], resources: { ...hosts([['a.example'], 'a']), routes: [routeTable('r', [virtualHost(['a.example'], [prefixRoute('/', 'a')])], { ignorePortInHostMatching: true })] }, connections: [[from('a.example:80'), goes('a')]] },
    { feature: 'The first route that matches', fields: [`${HOST}.routes`], resources: routed([prefixRoute('/a', 'a'), prefixRoute('/a/b', 'd'), prefixRoute('/', 'b')]), also: KEEP_ALIVE, connections: [[get('/a/b'), goes('a')], [get('/x'), goes('b')]] },
    { feature: 'Requests of one connection that routes send to different places', fields: [`${HOST}.routes`], resources: routed([prefixRoute('/a', 'a'), prefixRoute('/', 'b')]), listed: 'keep_alive', connections: [[get('/a'), goes('a')]] },
    { feature: 'No route for every request, where the domains hold the address', fields: [`${HOST}.routes`], resources: routed([prefixRoute('/a', 'a')]), listed: 'no_default_route', also: KEEP_ALIVE, connections: [[get('/a'), goes('a')], [to(), { 'pass 12': 1 }]] },
    { feature: 'A domain that stands twice', fields: [`${HOST}.domains`], resources: hosts([['a.example'], 'a'], [['a.example', 'b.example'], 'b']), listed: 'duplicate_domain', connections: [[from('a.example'), goes('a')], [from('b.example'), goes('b')]] },
    { feature: 'A domain of more than 248 bytes', fields: [`${HOST}.domains`], resources: hosts([['*'], 'a'], [['x'.repeat(249)], 'b']), listed: 'long_domain', connections: [[from('x'), goes('a')]] },
    { feature: 'A domain that is no name of a host', fields: [`${HOST}.domains`], resources: hosts([['*'], 'a'], [['a b'], 'b']), listed: 'domain' },
    { feature: 'More routes than one connect() can look at', fields: [`${HOST}.routes`], resources: routed([...Array.from({ length: 1400 }, (_, i) => prefixRoute('/', 'a', { match: { headers: [{ name: `h${i}`, headerMatchSpecifier: { $case: 'stringMatch', value: { matchPattern: { $case: 'exact', value: 'v' } } } }] } })), prefixRoute('/', 'b')]), listed: 'long_program', also: KEEP_ALIVE },
    host('TLS demanded', 'require_tls', { requireTls: VirtualHost_TlsRequirementType.ALL }, 'require_tls'),
    host('Retries', 'retry_policy', { retryPolicy: { retryOn: '5xx' } }, 'retry_policy'),
    host('Rate limits', 'rate_limits', { rateLimits: [{}] }, 'rate_limit'),
    host('Mirroring', 'request_mirror_policies', { requestMirrorPolicies: [{ cluster: 'b', runtimeFraction: { defaultValue: percent } }] }, 'mirror'),
    host('CORS', 'cors', { cors: {} }, 'cors'),
    host('Hedging', 'hedge_policy', { hedgePolicy: {} }, 'hedge_policy'),
    host('Headers changed', 'response_headers_to_remove', { responseHeadersToRemove: ['x'] }, 'header_mutation'),
    host('Settings of a filter', 'typed_per_filter_config', { typedPerFilterConfig: { 'example.filter': anyOf('example.Filter') } }, 'per_filter_config'),
    { feature: 'Routes chosen by a matcher tree', fields: [`${HOST}.matcher`], resources: routed([], { matcher: {} }), listed: 'virtual_host_matcher', also: ['no_default_route'], connections: [[get('/'), { 'pass 12': 1 }]] },
    config('Virtual hosts by VHDS', 'vhds', { vhds: {} }, 'vhds'),
    config('Mirroring by a route table', 'request_mirror_policies', { requestMirrorPolicies: [{ cluster: 'b' }] }, 'mirror'),
    config('Headers changed by a route table', 'request_headers_to_remove', { requestHeadersToRemove: ['x'] }, 'header_mutation'),
    config('Parameters in paths ignored', 'ignore_path_parameters_in_path_matching', { ignorePathParametersInPathMatching: true }, 'path_parameters'),
  ],
};
