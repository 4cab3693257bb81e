// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';
import { Cluster_DiscoveryType, type Cluster } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { FilterChain } from '../proto/envoy/config/listener/v3/listener_components.js';
import type { Listener } from '../proto/envoy/config/listener/v3/listener.js';
import { HttpConnectionManager } from '../proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';

const HTTP_CONNECTION_MANAGER = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** Discovery type; the proto's default, STATIC, where none is set. */
function discoveryType(cluster: Cluster): Cluster_DiscoveryType | undefined {
  const type = cluster.clusterDiscoveryType;
  if (type === undefined) return Cluster_DiscoveryType.STATIC;
  return type.$case === 'type' ? type.value : undefined;
}

/** Name of the load assignment that an EDS cluster asks for; undefined for other clusters. */
export function assignmentName(cluster: Cluster): string | undefined {
  if (discoveryType(cluster) !== Cluster_DiscoveryType.EDS) return undefined;
  return cluster.edsClusterConfig?.serviceName || cluster.name;
}

/** Host names that a STRICT_DNS or LOGICAL_DNS cluster wants resolved. */
export function dnsNames(cluster: Cluster): string[] {
  const type = discoveryType(cluster);
  if (type !== Cluster_DiscoveryType.STRICT_DNS && type !== Cluster_DiscoveryType.LOGICAL_DNS) return [];
  const names: string[] = [];
  for (const { lbEndpoints } of cluster.loadAssignment?.endpoints ?? []) {
    for (const { hostIdentifier } of lbEndpoints) {
      const address = hostIdentifier?.$case === 'endpoint' ? hostIdentifier.value.address?.address : undefined;
      if (address?.$case === 'socketAddress' && isIP(address.value.address) === 0) names.push(address.value.address);
    }
  }
  return names;
}

/**
 * Names of the route tables that a listener's HTTP connection managers ask for.
 *
 * @throws when a connection manager cannot be decoded.
 */
export function routeNames(listener: Listener): string[] {
  const chains = listener.defaultFilterChain === undefined ? listener.filterChains : [...listener.filterChains, listener.defaultFilterChain];
  return [...new Set(chains.flatMap(routeNamesOfChain))];
}

function routeNamesOfChain(chain: FilterChain): string[] {
  const names: string[] = [];
  for (const { configType } of chain.filters) {
    if (configType?.$case !== 'typedConfig' || !configType.value.typeUrl.endsWith(`/${HTTP_CONNECTION_MANAGER}`)) continue;
    const { routeSpecifier } = HttpConnectionManager.decode(configType.value.value);
    if (routeSpecifier?.$case === 'rds' && routeSpecifier.value.routeConfigName !== '') names.push(routeSpecifier.value.routeConfigName);
  }
  return names;
}
