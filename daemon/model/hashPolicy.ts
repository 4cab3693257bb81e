// SPDX-License-Identifier: Apache-2.0
import type { RouteAction, RouteAction_HashPolicy, VirtualHost } from '../proto/envoy/config/route/v3/route_components.js';
import type { TcpProxy } from '../proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';

/*
 * What a hash is made of stands with the route, that there is one with the cluster (RING_HASH, MAGLEV). At connect() the
 * client has no address yet, but its network namespace stands for it: a pod has one of each. A hash that takes in
 * anything else as well cannot be computed.
 */

/** Whether a hash is made of the client's address alone. */
export const hashesBySource = (policies: readonly RouteAction_HashPolicy[]): boolean =>
  policies.length > 0 && policies.every(({ policySpecifier }) => policySpecifier?.$case === 'connectionProperties' && policySpecifier.value.sourceIp);

export const proxyHashesBySource = ({ hashPolicy }: TcpProxy): boolean =>
  hashPolicy.length > 0 && hashPolicy.every(({ policySpecifier }) => policySpecifier?.$case === 'sourceIp');

/** Clusters that the routes of a virtual host reach by a hash of the client's address. */
export function clustersHashedBySource({ routes }: VirtualHost): readonly string[] {
  return routes.flatMap(({ action }) => (action?.$case === 'route' && hashesBySource(action.value.hashPolicy) ? clustersOf(action.value.clusterSpecifier) : []));
}

/** The clusters that a route or a TCP proxy names. */
export function clustersOf(specifier: RouteAction['clusterSpecifier'] | TcpProxy['clusterSpecifier']): readonly string[] {
  if (specifier?.$case === 'cluster') return [specifier.value];
  return specifier?.$case === 'weightedClusters' ? specifier.value.clusters.map(({ name }) => name) : [];
}
