// SPDX-License-Identifier: Apache-2.0
import type { Route, RouteAction } from '../../proto/envoy/config/route/v3/route_components.js';
import type { Listing } from '../notEnforced.js';
import { listRoute } from '../routeFeatures.js';
import { weightedTarget } from '../target.js';
import type { Outcome } from './program.js';

const NO_ROUTE: Outcome = { kind: 'default', why: 'no_route' };
const UNDECIDABLE: Outcome = { kind: 'default', why: 'undecidable' };

const INSTEAD = 'such requests take the default decision of their address';

/** Where a route leads when it applies; lists what it asks for beyond that. */
export function outcomeOf(route: Route, path: string, findings: Listing): Outcome {
  switch (route.action?.$case) {
    case 'route':
      listRoute(route, route.action.value, path, findings);
      // A tunnel that is not ended would reach the cluster as the client asked for it.
      return route.match?.pathSpecifier?.$case === 'connectMatcher' ? NO_ROUTE : clusterOutcome(route.action.value, path, findings);
    case 'redirect':
      findings.once('redirect', path, `redirects are not answered by the node: ${INSTEAD}`);
      return NO_ROUTE;
    case 'directResponse':
      findings.once('direct_response', path, `direct responses are not answered by the node: ${INSTEAD}`);
      return NO_ROUTE;
    default:
      findings.once('route_action', path, `a route without a cluster is not done by the node: ${INSTEAD}`);
      return NO_ROUTE;
  }
}

function clusterOutcome({ clusterSpecifier }: RouteAction, path: string, findings: Listing): Outcome {
  switch (clusterSpecifier?.$case) {
    case 'cluster':
      return { kind: 'target', target: { kind: 'cluster', cluster: clusterSpecifier.value } };
    case 'weightedClusters': {
      const named = clusterSpecifier.value.clusters.filter(({ name }) => name !== '');
      if (named.length < clusterSpecifier.value.clusters.length) findings.once('cluster_header', path, 'clusters that a header names are left out');
      if (clusterSpecifier.value.randomValueSpecifier) findings.once('random_value', path, 'clusters are drawn, not chosen by a value of the request');
      return named.length === 0 ? UNDECIDABLE : { kind: 'target', target: weightedTarget(named.map(({ name, weight }) => ({ cluster: name, weight: weight ?? 0 }))) };
    }
    default:
      findings.once('cluster_header', path, `clusters that a header or a plugin names are not read: ${INSTEAD}`);
      return UNDECIDABLE;
  }
}
