// SPDX-License-Identifier: Apache-2.0
import { field, has, isObject, objectField, objectsField, without, type JsonObject, type JsonValue } from './json.js';
import type { ResourceKind } from './kinds.js';

/**
 * Resources as the admin interface of Kmesh prints them: addresses are numbers in network byte order as a
 * little-endian machine reads them (127.0.0.1 is 16777343, port 23333 is 9563), filters hold their
 * configuration without a type, and clusters hold their load assignment.
 */
const LISTS: Readonly<Record<string, ResourceKind>> = { listenerConfigs: 'listeners', routeConfigs: 'routes', clusterConfigs: 'clusters' };

const EXTENSION = 'type.googleapis.com/envoy.extensions.filters.network';
const FILTERS: Readonly<Record<string, string>> = {
  httpConnectionManager: `${EXTENSION}.http_connection_manager.v3.HttpConnectionManager`,
  tcpProxy: `${EXTENSION}.tcp_proxy.v3.TcpProxy`,
};

export const isNative = (resources: JsonObject): boolean => Object.keys(LISTS).some((list) => has(resources, list));

/** @throws when an address is not one. */
export function nativeResources(resources: JsonObject): { kind: ResourceKind; json: JsonObject }[] {
  return Object.entries(LISTS).flatMap(([list, kind]) => objectsField(resources, list).map((json) => ({ kind, json: convert(kind, json) })));
}

function convert(kind: ResourceKind, json: JsonObject): JsonObject {
  const resource = convertAll(without(json, 'apiStatus')) as JsonObject;
  if (kind !== 'clusters') return resource;
  // Kmesh writes the timeout as a bare number of seconds and the discovery type not at all.
  return { ...without(resource, 'connectTimeout'), type: has(resource, 'loadAssignment') ? 'STATIC' : 'EDS' };
}

function convertAll(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(convertAll);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, key === 'address' && isObject(inner) ? socketAddress(inner) : convertAll(inner)]);
  return typeFilter(wrapEndpoint(Object.fromEntries(entries)));
}

/** An endpoint of Kmesh is only its address. */
function wrapEndpoint(object: JsonObject): JsonObject {
  if (!has(object, 'lbEndpoints')) return object;
  const lbEndpoints = objectsField(object, 'lbEndpoints').map((endpoint) => ({ ...without(endpoint, 'address'), endpoint: { address: endpoint['address'] ?? {} } }));
  return { ...without(object, 'lbEndpoints'), lbEndpoints };
}

function typeFilter(object: JsonObject): JsonObject {
  for (const [name, type] of Object.entries(FILTERS)) {
    const config = objectField(object, name);
    if (config !== undefined) return { ...without(object, name), typedConfig: { '@type': type, ...routesByName(config) } };
  }
  return object;
}

/** route_config_name names a route table, which for Envoy is an RDS subscription. */
function routesByName(config: JsonObject): JsonObject {
  const routeConfigName = field(config, 'routeConfigName');
  return routeConfigName === undefined ? config : { ...without(config, 'routeConfigName'), rds: { routeConfigName, configSource: { ads: {} } } };
}

function socketAddress(address: JsonObject): JsonObject {
  const { ipv4, port } = address;
  if (!isUint(ipv4, 0xffffffff) || !isUint(port, 0xffff)) throw new Error(`${JSON.stringify(address).slice(0, 200)} is not an address: it needs the numbers ipv4 and port`);
  const bytes = [ipv4 & 0xff, (ipv4 >>> 8) & 0xff, (ipv4 >>> 16) & 0xff, ipv4 >>> 24];
  return { socketAddress: { address: bytes.join('.'), portValue: ((port & 0xff) << 8) | (port >>> 8) } };
}

const isUint = (value: JsonValue | undefined, most: number): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
