// SPDX-License-Identifier: Apache-2.0
import { VirtualHost_TlsRequirementType } from '../proto/envoy/config/route/v3/route_components.js';
import { RouteAction_InternalRedirectAction } from '../proto/envoy/config/route/v3/route_components.js';
import type { Route, RouteAction, VirtualHost, WeightedCluster_ClusterWeight } from '../proto/envoy/config/route/v3/route_components.js';
import { RoutingPriority } from '../proto/envoy/config/core/v3/base.js';
import { isPositive } from './duration.js';
import { filterFeature } from './filters.js';
import { hashesBySource } from './hashPolicy.js';
import type { Listing } from './notEnforced.js';
import type { RouteResource } from './resources.js';

const NO_RETRY = 'a request that fails is not tried again';
const NO_HEADERS = 'headers are not changed: requests and responses go through as they are';
const NO_MIRROR = 'requests are not mirrored';
const NO_LIMITS = 'requests are not limited';
const NO_CORS = 'CORS is not answered: it is left to the service';
const NO_TIMEOUT = 'requests are not ended after a time';
/** Also of a TCP proxy. */
export const NO_HASH = "this hash is made of more than the client's address and is not computed: endpoints are chosen at random";
const NO_METADATA = 'endpoints are not chosen by metadata: all are balanced';
const NO_HOST_REWRITE = 'host names are not rewritten';

/** Lists what a route asks for beyond its clusters. A timeout that is not stated is not listed. */
export function listRoute(route: Route, action: RouteAction, path: string, findings: Listing): void {
  const list = lister(findings, path);
  list(action.retryPolicy ?? action.retryPolicyTypedConfig, 'retry_policy', NO_RETRY);
  list(isPositive(action.timeout) || isPositive(action.maxGrpcTimeout), 'timeout', NO_TIMEOUT);
  list(action.idleTimeout ?? action.maxStreamDuration, 'timeout', NO_TIMEOUT);
  list(action.requestMirrorPolicies.length, 'mirror', NO_MIRROR);
  list(action.prefixRewrite || action.regexRewrite || action.pathRewritePolicy, 'rewrite', 'paths are not rewritten');
  list(action.hostRewriteSpecifier, 'rewrite', NO_HOST_REWRITE);
  list(action.hashPolicy.length > 0 && !hashesBySource(action.hashPolicy), 'hash_policy', NO_HASH);
  list(action.rateLimits.length, 'rate_limit', NO_LIMITS);
  list(action.cors, 'cors', NO_CORS);
  list(action.hedgePolicy, 'hedge_policy', 'requests are not sent twice');
  const redirects = action.internalRedirectPolicy ?? (action.internalRedirectAction === RouteAction_InternalRedirectAction.HANDLE_INTERNAL_REDIRECT);
  list(redirects, 'internal_redirect', 'redirects of the service go to the client');
  list(action.metadataMatch, 'metadata_match', NO_METADATA);
  list(action.priority !== RoutingPriority.DEFAULT, 'route_priority', 'connections count against the limits of the default priority');
  list(changesHeaders(route), 'header_mutation', NO_HEADERS);
  listPerFilter(route.typedPerFilterConfig, path, findings);
  if (action.clusterSpecifier?.$case === 'weightedClusters') for (const arm of action.clusterSpecifier.value.clusters) listArm(arm, path, findings);
}

/** Lists what one of a route's weighted clusters asks for by itself. */
function listArm(arm: WeightedCluster_ClusterWeight, path: string, findings: Listing): void {
  const list = lister(findings, path);
  list(changesHeaders(arm), 'header_mutation', NO_HEADERS);
  list(arm.hostRewriteSpecifier, 'rewrite', NO_HOST_REWRITE);
  list(arm.metadataMatch, 'metadata_match', NO_METADATA);
  listPerFilter(arm.typedPerFilterConfig, path, findings);
}

/** Lists what a virtual host asks for beyond its routes. */
export function listVirtualHost(host: VirtualHost, path: string, findings: Listing): void {
  const list = lister(findings, path);
  list(host.requireTls !== VirtualHost_TlsRequirementType.NONE, 'require_tls', 'clients without TLS are not redirected');
  list(host.retryPolicy ?? host.retryPolicyTypedConfig, 'retry_policy', NO_RETRY);
  list(host.rateLimits.length, 'rate_limit', NO_LIMITS);
  list(host.requestMirrorPolicies.length, 'mirror', NO_MIRROR);
  list(host.cors, 'cors', NO_CORS);
  list(host.hedgePolicy, 'hedge_policy', 'requests are not sent twice');
  list(changesHeaders(host), 'header_mutation', NO_HEADERS);
  listPerFilter(host.typedPerFilterConfig, path, findings);
}

/** Lists what a route configuration asks for beyond its virtual hosts. */
export function listRouteConfiguration(config: Omit<RouteResource, 'virtualHosts'>, path: string, findings: Listing): void {
  const list = lister(findings, path);
  list(config.vhds, 'vhds', 'virtual hosts that come by VHDS are not asked for');
  list(config.requestMirrorPolicies.length, 'mirror', NO_MIRROR);
  list(changesHeaders(config) || config.internalOnlyHeaders.length, 'header_mutation', NO_HEADERS);
  list(config.ignorePathParametersInPathMatching, 'path_parameters', 'parameters in a path (;a=b) are compared as part of it');
  listPerFilter(config.typedPerFilterConfig, path, findings);
}

const lister =
  (findings: Listing, path: string) =>
  (asked: unknown, feature: string, reason: string): void => {
    if (asked) findings.once(feature, path, reason);
  };

interface HeaderChanges {
  readonly requestHeadersToAdd: readonly unknown[];
  readonly requestHeadersToRemove: readonly unknown[];
  readonly responseHeadersToAdd: readonly unknown[];
  readonly responseHeadersToRemove: readonly unknown[];
}

function changesHeaders(part: HeaderChanges): boolean {
  return part.requestHeadersToAdd.length + part.requestHeadersToRemove.length + part.responseHeadersToAdd.length + part.responseHeadersToRemove.length > 0;
}

function listPerFilter(configs: Readonly<Record<string, unknown>>, path: string, findings: Listing): void {
  for (const name of Object.keys(configs)) {
    findings.once(filterFeature(name, 'per_filter_config'), path, `the settings of filter ${name} are without effect: HTTP filters do not run`);
  }
}
