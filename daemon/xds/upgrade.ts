// SPDX-License-Identifier: Apache-2.0
import { field, has, isObject, objectField, objectsField, without, type JsonObject, type JsonValue } from './json.js';

/**
 * Brings resources of Envoy's v2 API, which config dumps of older meshes hold, to v3. Only what changes the
 * meaning of a resource: everything else that v3 dropped is ignored when it is read.
 */
const TYPES: Readonly<Record<string, string>> = {
  'envoy.api.v2.Cluster': 'envoy.config.cluster.v3.Cluster',
  'envoy.api.v2.ClusterLoadAssignment': 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  'envoy.api.v2.Listener': 'envoy.config.listener.v3.Listener',
  'envoy.api.v2.RouteConfiguration': 'envoy.config.route.v3.RouteConfiguration',
  'envoy.api.v2.auth.UpstreamTlsContext': 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
  'envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager':
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  'envoy.config.filter.network.tcp_proxy.v2.TcpProxy': 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
};

const HTTP_CONNECTION_MANAGER = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const TCP_PROXY = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
const UPSTREAM_TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';

/** Network filters by the names under which v2 configured them without a type. */
const FILTERS: Readonly<Record<string, string>> = {
  'envoy.http_connection_manager': HTTP_CONNECTION_MANAGER,
  'envoy.filters.network.http_connection_manager': HTTP_CONNECTION_MANAGER,
  'envoy.tcp_proxy': TCP_PROXY,
  'envoy.filters.network.tcp_proxy': TCP_PROXY,
};

export function upgrade(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(upgrade);
  if (!isObject(value)) return value;
  const object = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === '@type' ? upgradeType(inner) : upgrade(inner)]));
  return [typeFilter, listHosts, typeTls, regexMatch, headerRegex].reduce((upgraded, step) => step(upgraded), object);
}

function upgradeType(url: JsonValue): JsonValue {
  if (typeof url !== 'string') return url;
  const slash = url.lastIndexOf('/') + 1;
  return url.slice(0, slash) + (TYPES[url.slice(slash)] ?? url.slice(slash));
}

/** Filter.config, a bare Struct, became typed_config. Such a Struct may hold one object where a list belongs. */
function typeFilter(object: JsonObject): JsonObject {
  const { name, config } = object;
  const type = typeof name === 'string' && Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
  if (type === undefined || !isObject(config) || has(object, 'typedConfig')) return object;
  const lists = ['httpFilters', 'accessLog'].filter((list) => has(config, list)).map((list) => [list, objectsField(config, list)] as const);
  return { ...without(object, 'config'), typedConfig: { '@type': type, ...without(config, 'httpFilters', 'accessLog'), ...Object.fromEntries(lists) } };
}

/** Cluster.hosts became load_assignment. */
function listHosts(object: JsonObject): JsonObject {
  if (!Array.isArray(object['hosts']) || has(object, 'loadAssignment') || !isCluster(object)) return object;
  const lbEndpoints = objectsField(object, 'hosts').map((address) => ({ endpoint: { address } }));
  return { ...without(object, 'hosts'), loadAssignment: { clusterName: object['name'] ?? '', endpoints: [{ lbEndpoints }] } };
}

/** Cluster.tls_context became a transport socket. */
function typeTls(object: JsonObject): JsonObject {
  const context = objectField(object, 'tlsContext');
  if (context === undefined || !isCluster(object)) return object;
  const transportSocket = { name: 'envoy.transport_sockets.tls', typedConfig: { '@type': UPSTREAM_TLS, ...context } };
  return { ...without(object, 'tlsContext'), transportSocket };
}

const isCluster = (object: JsonObject): boolean => has(object, 'connectTimeout');

/** RouteMatch.regex became safe_regex. Without this, a route with a regex would be one without a condition. */
function regexMatch(object: JsonObject): JsonObject {
  const match = objectField(object, 'match');
  const regex = match?.['regex'];
  if (match === undefined || typeof regex !== 'string') return object;
  return { ...object, match: { ...without(match, 'regex'), safeRegex: { regex } } };
}

/** HeaderMatcher.regex_match became safe_regex_match. */
function headerRegex(object: JsonObject): JsonObject {
  const regex = field(object, 'regexMatch');
  if (typeof regex !== 'string') return object;
  return { ...without(object, 'regexMatch'), safeRegexMatch: { regex } };
}
