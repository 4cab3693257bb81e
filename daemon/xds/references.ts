// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';
import { Cluster_DiscoveryType, type Cluster } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { ConfigSource } from '../proto/envoy/config/core/v3/config_source.js';
import type { FilterChain } from '../proto/envoy/config/listener/v3/listener_components.js';
import type { Listener } from '../proto/envoy/config/listener/v3/listener.js';
import { HttpConnectionManager } from '../proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { refreshOf, type DnsRefresh } from './dnsRefresh.js';

const HTTP_CONNECTION_MANAGER = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** Discovery type; the proto's default, STATIC, where none is set. */
function discoveryType(cluster: Cluster): Cluster_DiscoveryType | undefined {
  const type = cluster.clusterDiscoveryType;
  if (type === undefined) return Cluster_DiscoveryType.STATIC;
  return type.$case === 'type' ? type.value : undefined;
}

/** A resource of another kind that a resource asks for. */
export interface Want {
  readonly name: string;
  /** How long it is waited for, in milliseconds; undefined: as long as is usual. */
  readonly fetchTimeoutMs: number | undefined;
}

/** The longest that who asks may have others wait. */
const LONGEST_FETCH_MS = 300_000;

/**
 * ConfigSource.initial_fetch_timeout. Its 0 means to wait for ever, and istiod says so of everything; a node that waits
 * for ever for one load assignment would never know that the others are all there. So 0 counts as none.
 */
function fetchTimeoutMs(source: ConfigSource | undefined): number | undefined {
  const timeout = source?.initialFetchTimeout;
  const ms = timeout === undefined ? 0 : Number(timeout.seconds) * 1000 + timeout.nanos / 1e6;
  return ms > 0 ? Math.min(Math.ceil(ms), LONGEST_FETCH_MS) : undefined;
}

/** The load assignment that an EDS cluster asks for; undefined for other clusters. */
export function wantedAssignment(cluster: Cluster): Want | undefined {
  if (discoveryType(cluster) !== Cluster_DiscoveryType.EDS) return undefined;
  const { serviceName, edsConfig } = cluster.edsClusterConfig ?? {};
  return { name: serviceName || cluster.name, fetchTimeoutMs: fetchTimeoutMs(edsConfig) };
}

/** A host name that is to be resolved, and when again. */
export interface WantedHost {
  readonly name: string;
  readonly refresh: DnsRefresh;
}

/** Host names that a STRICT_DNS or LOGICAL_DNS cluster wants resolved. */
export function wantedHosts(cluster: Cluster): WantedHost[] {
  const type = discoveryType(cluster);
  if (type !== Cluster_DiscoveryType.STRICT_DNS && type !== Cluster_DiscoveryType.LOGICAL_DNS) return [];
  const refresh = refreshOf(cluster);
  const hosts: WantedHost[] = [];
  for (const { lbEndpoints } of cluster.loadAssignment?.endpoints ?? []) {
    for (const { hostIdentifier } of lbEndpoints) {
      const address = hostIdentifier?.$case === 'endpoint' ? hostIdentifier.value.address?.address : undefined;
      if (address?.$case === 'socketAddress' && isIP(address.value.address) === 0) hosts.push({ name: address.value.address, refresh });
    }
  }
  return hosts;
}

/**
 * The route tables that a listener's HTTP connection managers ask for, each once.
 *
 * @throws when a connection manager cannot be decoded.
 */
export function wantedRoutes(listener: Listener): Want[] {
  const chains = listener.defaultFilterChain === undefined ? listener.filterChains : [...listener.filterChains, listener.defaultFilterChain];
  return [...new Map(chains.flatMap(routesOfChain).map((want) => [want.name, want])).values()];
}

function routesOfChain(chain: FilterChain): Want[] {
  const wants: Want[] = [];
  for (const { configType } of chain.filters) {
    if (configType?.$case !== 'typedConfig' || !configType.value.typeUrl.endsWith(`/${HTTP_CONNECTION_MANAGER}`)) continue;
    const { routeSpecifier } = HttpConnectionManager.decode(configType.value.value);
    if (routeSpecifier?.$case !== 'rds' || routeSpecifier.value.routeConfigName === '') continue;
    wants.push({ name: routeSpecifier.value.routeConfigName, fetchTimeoutMs: fetchTimeoutMs(routeSpecifier.value.configSource) });
  }
  return wants;
}
