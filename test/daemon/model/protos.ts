// SPDX-License-Identifier: Apache-2.0
// Short ways to write resources in tests.
import type { Resources } from '../../../daemon/model/resources.js';
import { Cluster, Cluster_DiscoveryType } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { Address } from '../../../daemon/proto/envoy/config/core/v3/address.js';
import { HealthStatus } from '../../../daemon/proto/envoy/config/core/v3/health_check.js';
import { ClusterLoadAssignment } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { LbEndpoint } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint_components.js';
import { Listener } from '../../../daemon/proto/envoy/config/listener/v3/listener.js';
import { Filter } from '../../../daemon/proto/envoy/config/listener/v3/listener_components.js';
import { RouteConfiguration } from '../../../daemon/proto/envoy/config/route/v3/route.js';
import { Route } from '../../../daemon/proto/envoy/config/route/v3/route_components.js';
import { HttpConnectionManager } from '../../../daemon/proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { TcpProxy } from '../../../daemon/proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';

type Part<C extends { fromPartial(part: never): unknown }> = Parameters<C['fromPartial']>[0];

export const TCP_PROXY = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
export const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

export const at = (address: string, port: number): Address =>
  Address.fromPartial({ address: { $case: 'socketAddress', value: { address, portSpecifier: { $case: 'portValue', value: port } } } });

export const filter = (name: string, typeUrl: string, value: Uint8Array = new Uint8Array()): Filter =>
  Filter.fromPartial({ name, configType: { $case: 'typedConfig', value: { typeUrl, value: Buffer.from(value) } } });

export const tcp = (config: Part<typeof TcpProxy>, typeUrl = TCP_PROXY): Filter => filter('envoy.filters.network.tcp_proxy', typeUrl, TcpProxy.encode(TcpProxy.fromPartial(config)).finish());
export const tcpTo = (cluster: string): Filter => tcp({ clusterSpecifier: { $case: 'cluster', value: cluster } });
export const tcpSplit = (...arms: [string, number][]): Filter =>
  tcp({ clusterSpecifier: { $case: 'weightedClusters', value: { clusters: arms.map(([name, weight]) => ({ name, weight })) } } });
export const http = (config: Part<typeof HttpConnectionManager>): Filter => filter('envoy.filters.network.http_connection_manager', HCM, HttpConnectionManager.encode(HttpConnectionManager.fromPartial(config)).finish());
export const rds = (routeConfigName: string): Filter => http({ routeSpecifier: { $case: 'rds', value: { routeConfigName } } });

export const prefixRoute = (prefix: string, cluster: string, more: Part<typeof Route> = {}): Route =>
  Route.fromPartial({
    ...more,
    match: { pathSpecifier: { $case: 'prefix', value: prefix }, ...more.match },
    action: more.action ?? { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: cluster } } },
  });

export const virtualHost = (domains: string[], routes: Route[], name = domains[0]!) => ({ name, domains, routes });
export const routeTable = (name: string, virtualHosts: Part<typeof RouteConfiguration>['virtualHosts'], more: Part<typeof RouteConfiguration> = {}): RouteConfiguration =>
  RouteConfiguration.fromPartial({ name, ...more, virtualHosts: virtualHosts ?? [] });

export const listener = (config: Part<typeof Listener> & { name: string }): Listener => Listener.fromPartial(config);

export const lbEndpoint = (address: string, port: number, healthStatus = HealthStatus.HEALTHY, loadBalancingWeight?: number, additional: string[] = []): LbEndpoint =>
  LbEndpoint.fromPartial({
    healthStatus,
    loadBalancingWeight,
    hostIdentifier: { $case: 'endpoint', value: { address: at(address, port), additionalAddresses: additional.map((text) => ({ address: at(text, port) })) } },
  });

export const assignment = (clusterName: string, ...endpoints: Part<typeof ClusterLoadAssignment>['endpoints'] & object): ClusterLoadAssignment =>
  ClusterLoadAssignment.fromPartial({ clusterName, endpoints });

export const cluster = (name: string, type: Cluster_DiscoveryType, more: Part<typeof Cluster> = {}): Cluster =>
  Cluster.fromPartial({ name, clusterDiscoveryType: { $case: 'type', value: type }, ...more });
export const eds = (name: string, more: Part<typeof Cluster> = {}): Cluster => cluster(name, Cluster_DiscoveryType.EDS, more);
export const passthrough = cluster('PassthroughCluster', Cluster_DiscoveryType.ORIGINAL_DST);
export const blackhole = cluster('BlackHoleCluster', Cluster_DiscoveryType.STATIC);

export function resources(parts: {
  listeners?: Listener[];
  routes?: RouteConfiguration[];
  clusters?: Cluster[];
  endpoints?: ClusterLoadAssignment[];
  resolved?: Record<string, string[]>;
  /** Endpoints that outlier detection took out, by cluster. */
  ejected?: Record<string, string[]>;
}): Resources {
  const byName = <T extends { name: string }>(items: T[] = []) => new Map(items.map((item) => [item.name, item]));
  return {
    listeners: byName(parts.listeners),
    routes: byName(parts.routes),
    clusters: byName(parts.clusters),
    endpoints: new Map((parts.endpoints ?? []).map((item) => [item.clusterName, item])),
    resolved: new Map(Object.entries(parts.resolved ?? {})),
    ...(parts.ejected && { ejected: new Map(Object.entries(parts.ejected).map(([name, endpoints]) => [name, new Set(endpoints)])) }),
  };
}
