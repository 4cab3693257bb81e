// SPDX-License-Identifier: Apache-2.0
import { Cluster_ClusterProtocolSelection } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { Cluster as ClusterProto } from '../proto/envoy/config/cluster/v3/cluster.js';
import { RoutingPriority } from '../proto/envoy/config/core/v3/base.js';
import type { HttpProtocolOptions as CommonHttpOptions } from '../proto/envoy/config/core/v3/protocol.js';
import { HttpProtocolOptions } from '../proto/envoy/extensions/upstreams/http/v3/http_protocol_options.js';
import { open } from './any.js';
import { isPositive } from './duration.js';
import type { Host } from './hosts.js';
import type { Findings } from './notEnforced.js';
import { listTransportSockets } from './upstreamSocket.js';

/** Largest limit: Istio's spelling of "no limit". */
const NO_LIMIT = 0xffffffff;
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

type List = (asked: unknown, feature: string, path: string, reason: string) => void;

/**
 * Lists what a cluster asks for beyond choosing an endpoint. docs/conformance.md has what is left out, because it does
 * not change where connections go.
 */
export function listCluster(cluster: ClusterProto, hosts: readonly Host[], findings: Findings): void {
  const list: List = (asked, feature, path, reason) => {
    if (asked) findings.once(feature, path, reason);
  };
  listTransportSockets(cluster, hosts, findings);
  listHealth(cluster, list);
  listLimits(cluster, list);
  listConnections(cluster, list);
  listHttp(cluster, list);
}

function listHealth(cluster: ClusterProto, list: List): void {
  const common = cluster.commonLbConfig;
  list(cluster.healthChecks.length, 'health_checks', 'healthChecks', 'endpoints are not probed: only the health that the control plane reports counts');
  const closes = cluster.closeConnectionsOnHostHealthFailure || common?.closeConnectionsOnHostSetChange;
  list(closes, 'close_on_host_change', 'closeConnectionsOnHostHealthFailure', 'connections that stand are not closed when endpoints fail or change');
  list(cluster.lbSubsetConfig?.subsetSelectors.length, 'lb_subset_config', 'lbSubsetConfig', 'endpoints are not chosen by metadata: all are balanced');
  const zoneAware = common?.localityConfigSpecifier?.$case === 'zoneAwareLbConfig' ? common.localityConfigSpecifier.value : undefined;
  list(zoneAware?.routingEnabled ?? zoneAware?.minClusterSize, 'zone_aware', 'commonLbConfig.zoneAwareLbConfig', "endpoints of the node's own zone are not preferred");
}

function listLimits({ circuitBreakers }: ClusterProto, list: List): void {
  const isLimit = (value: number | undefined): boolean => value !== undefined && value !== NO_LIMIT;
  const limitsRequests = (circuitBreakers?.thresholds ?? []).some(
    (limits) =>
      isLimit(limits.maxPendingRequests) ||
      isLimit(limits.maxRequests) ||
      isLimit(limits.maxRetries) ||
      limits.retryBudget !== undefined ||
      (limits.priority !== RoutingPriority.DEFAULT && isLimit(limits.maxConnections)),
  );
  list(circuitBreakers?.perHostThresholds.length, 'per_host_thresholds', 'circuitBreakers.perHostThresholds', 'connections of a single endpoint are not limited');
  list(limitsRequests, 'circuit_breakers', 'circuitBreakers.thresholds', 'requests, pending requests and retries are not limited: only max_connections is');
}

function listConnections(cluster: ClusterProto, list: List): void {
  list(cluster.upstreamBindConfig, 'upstream_bind_config', 'upstreamBindConfig', 'the source address is not set: connections keep their own');
  list(cluster.upstreamConnectionOptions?.tcpKeepalive, 'tcp_keepalive', 'upstreamConnectionOptions.tcpKeepalive', "probes of idle connections are those of the client's socket");
  const resolvers = cluster.dnsResolvers.length > 0 || cluster.dnsResolutionConfig?.resolvers.length || cluster.useTcpForDnsLookups;
  list(resolvers, 'dns_resolver', 'dnsResolvers', "host names are looked up by the node's own resolver");
  const filter = cluster.filters.find(({ name }) => !name.startsWith('istio.'));
  list(filter, 'upstream_filter', 'filters', `filter ${filter?.name} does not run on connections to the endpoints`);
}

function listHttp(cluster: ClusterProto, list: List): void {
  const any = cluster.typedExtensionProtocolOptions[HTTP_OPTIONS];
  const opened = any && open(HttpProtocolOptions, any);
  const options = opened?.ok ? opened.value : undefined;
  const commons = [cluster.commonHttpProtocolOptions, options?.commonHttpProtocolOptions].filter((one): one is CommonHttpOptions => one !== undefined);
  const most = cluster.maxRequestsPerConnection ?? commons.find(({ maxRequestsPerConnection }) => maxRequestsPerConnection)?.maxRequestsPerConnection;
  list(most, 'max_requests_per_connection', 'maxRequestsPerConnection', 'connections are not closed after a number of requests');
  list(commons.some(({ maxConnectionDuration }) => isPositive(maxConnectionDuration)), 'max_connection_duration', 'commonHttpProtocolOptions', 'connections are not closed after a time');
  list(otherProtocol(cluster, options), 'upstream_protocol', 'typedExtensionProtocolOptions', 'requests go on in the version of HTTP that the client speaks');
  list(options?.httpFilters.some(({ name }) => name !== 'envoy.filters.http.upstream_codec'), 'upstream_filter', 'typedExtensionProtocolOptions', 'HTTP filters do not run on requests to the endpoints');
}

/** Whether endpoints are spoken to in HTTP/2 or 3, whatever the client speaks. */
function otherProtocol(cluster: ClusterProto, options: HttpProtocolOptions | undefined): boolean {
  const protocol = options?.upstreamProtocolOptions;
  if (protocol) return protocol.$case === 'autoConfig' || (protocol.$case === 'explicitHttpConfig' && protocol.value.protocolConfig?.$case !== 'httpProtocolOptions');
  return cluster.http2ProtocolOptions !== undefined && cluster.protocolSelection !== Cluster_ClusterProtocolSelection.USE_DOWNSTREAM_PROTOCOL;
}
