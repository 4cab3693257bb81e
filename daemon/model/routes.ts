// SPDX-License-Identifier: Apache-2.0
import type { RouteConfiguration } from '../proto/envoy/config/route/v3/route.js';
import type { Route, RouteAction, RouteMatch, VirtualHost } from '../proto/envoy/config/route/v3/route_components.js';
import type { Ip } from './address.js';
import { domainAddress } from './domains.js';
import type { DomainAddress } from './domains.js';
import type { Findings } from './notEnforced.js';
import { listRoute, listRouteConfiguration, listVirtualHost } from './routeFeatures.js';
import { weightedTarget } from './target.js';
import type { Target } from './types.js';

/** What a virtual host means for connections to an address that its domains hold. */
export interface AddressDecision extends DomainAddress {
  /** Of its catch-all route; undefined when it has none that leads to a cluster. */
  readonly target: Target | undefined;
}

/** The decisions that a route table makes at connect(), where nothing but the address is known. */
export interface RouteTable {
  readonly addresses: readonly AddressDecision[];
  /** Of the virtual host with the domain `*`. */
  readonly any: Target | undefined;
}

/** @param prefix path of an inline route configuration in its listener, with a dot at its end; else empty. */
export function readRoutes(config: RouteConfiguration, prefix: string, findings: Findings): RouteTable {
  const addresses: AddressDecision[] = [];
  let any: Target | undefined;
  listRouteConfiguration(config, prefix.slice(0, -1), findings);
  for (const host of config.virtualHosts) {
    const path = `${prefix}virtualHosts[${host.name}]`;
    const held = heldBy(host, config.ignorePortInHostMatching);
    const isDefault = host.domains.includes('*');
    if (held.length === 0 && !isDefault) {
      findings.add('l7_virtual_host', path, 'its domains are names only, and the Host header is not read: connections go by their address');
      continue;
    }
    const target = defaultTarget(host, path, findings);
    for (const address of held) addresses.push({ ...address, target });
    if (isDefault) any = target;
  }
  return { addresses, any };
}

/** The addresses of a host's domains. When ports are ignored, a domain with a port matches no request. */
function heldBy(host: VirtualHost, ignorePort: boolean): DomainAddress[] {
  return host.domains.flatMap((domain) => domainAddress(domain) ?? []).filter(({ port }) => port === undefined || !ignorePort);
}

/** The decision for an address and port: a domain with the port before one without. */
export class RouteLookup {
  readonly #table: RouteTable;
  readonly #exact = new Map<string, AddressDecision>();

  constructor(table: RouteTable, port: number) {
    this.#table = table;
    for (const decision of table.addresses) {
      const known = this.#exact.get(decision.ip.text);
      if (decision.port === port || (decision.port === undefined && !known)) this.#exact.set(decision.ip.text, decision);
    }
  }

  /** Addresses that virtual hosts hold on this port. */
  get addresses(): Iterable<AddressDecision> {
    return this.#exact.values();
  }

  get any(): Target | undefined {
    return this.#table.any;
  }

  find(ip: Ip): Target | undefined {
    const exact = this.#exact.get(ip.text);
    return exact ? exact.target : this.#table.any;
  }
}

const OF_LISTENER = 'the decision of the listener, or go on to their original address';

/** The target of the first route that matches every request; the routes before it are listed. */
function defaultTarget(host: VirtualHost, path: string, findings: Findings): Target | undefined {
  listVirtualHost(host, path, findings);
  if (host.matcher) findings.once('virtual_host_matcher', path, 'routes are not chosen by a matcher tree');
  const end = host.routes.findIndex(({ match }) => match !== undefined && matchesEverything(match));
  const route = host.routes[end];
  const instead = route ? "the virtual host's default route" : OF_LISTENER;
  for (const [i, leftOut] of host.routes.slice(0, route ? end : undefined).entries()) listLeftOut(leftOut, `${path}.routes[${i}]`, instead, findings);
  if (!route) {
    findings.add('no_default_route', path, `no route matches every request: connections take ${OF_LISTENER}`);
    return undefined;
  }
  const routePath = `${path}.routes[${end}]`;
  if (route.action?.$case !== 'route') {
    findings.add('l7_route', routePath, `${actionName(route)}: HTTP is not answered by the node, connections take ${OF_LISTENER}`);
    return undefined;
  }
  listRoute(route, route.action.value, routePath, findings);
  return actionTarget(route.action.value, routePath, findings);
}

function listLeftOut(route: Route, path: string, instead: string, findings: Findings): void {
  const label = route.name === '' ? 'route' : `route ${route.name}`;
  findings.add('l7_route', path, `${label} (${actionName(route)}) is not taken: requests are not read, connections take ${instead}`);
}

function actionName({ action }: Route): string {
  switch (action?.$case) {
    case 'route':
      return 'to a cluster';
    case 'redirect':
      return 'redirect';
    case 'directResponse':
      return 'direct response';
    default:
      return 'no action';
  }
}

/** Spellings of "every path": requests to a service begin with a slash. */
const EVERY_PATH = new Set(['.*', '/.*']);

function matchesEverything(match: RouteMatch): boolean {
  const path = match.pathSpecifier;
  const everyPath = path?.$case === 'prefix' ? path.value === '/' || path.value === '' : path?.$case === 'safeRegex' && EVERY_PATH.has(path.value.regex);
  const conditions = match.headers.length + match.queryParameters.length + match.dynamicMetadata.length;
  return everyPath && conditions === 0 && !match.grpc && !match.tlsContext && !match.runtimeFraction;
}

function actionTarget({ clusterSpecifier }: RouteAction, path: string, findings: Findings): Target | undefined {
  switch (clusterSpecifier?.$case) {
    case 'cluster':
      return { kind: 'cluster', cluster: clusterSpecifier.value };
    case 'weightedClusters': {
      const named = clusterSpecifier.value.clusters.filter(({ name }) => name !== '');
      if (named.length < clusterSpecifier.value.clusters.length) {
        findings.once('cluster_header', path, 'clusters that a header names are left out');
        if (named.length === 0) return undefined;
      }
      return weightedTarget(named.map(({ name, weight }) => ({ cluster: name, weight: weight ?? 0 })));
    }
    default:
      findings.once('cluster_header', path, `the cluster is known from the request only: connections take ${OF_LISTENER}`);
      return undefined;
  }
}
