// SPDX-License-Identifier: Apache-2.0
// What resources mean for a connection, worked out from them directly: by the documentation of Envoy and docs/routing.md. Shares
// nothing with daemon/model, daemon/diff or daemon/maps.
import type { Resources, RouteResource } from '../../daemon/model/resources.js';
import type { FilterChain } from '../../daemon/proto/envoy/config/listener/v3/listener_components.js';
import type { Listener } from '../../daemon/proto/envoy/config/listener/v3/listener.js';
import type { Route, RouteMatch, VirtualHost } from '../../daemon/proto/envoy/config/route/v3/route_components.js';
import { HttpConnectionManager } from '../../daemon/proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { TcpProxy } from '../../daemon/proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import { isLoopback, isWithin } from '../daemon/diff/connection.js';
import type { Connection } from '../daemon/diff/connection.js';
import type { Request } from '../daemon/model/routing/walk.js';
import { clusterMeaning } from './clusterMeaning.js';
import type { Parts } from './clusterMeaning.js';

/** Clusters with their weights; undefined: on to the original address. */
type Arms = readonly { readonly name: string; readonly weight: number }[];
type Decision = { readonly arms: Arms } | undefined;

type Terminal = { readonly kind: 'tcp'; readonly decision: Decision } | { readonly kind: 'http'; readonly table: RouteResource | undefined };

const PASS = new Map([['pass 12', 1]]);

export function meaning(resources: Resources, connection: Connection): Parts {
  const listener = listenerOf(resources, connection);
  if (!listener) return new Map([['no listener', 1]]);
  const chains = chainsOf(listener, connection.address);
  const table = connection.request && tableOfRequests(resources, listener, chains);
  const routed = table && routeOf(table, connection.request!);
  const decision = routed ?? byDefault(resources, listener, chains, connection);
  if (!decision) return PASS;
  const arms = decision.arms.filter(({ weight }) => weight > 0);
  const total = arms.reduce((sum, { weight }) => sum + weight, 0);
  if (arms.length === 0) return new Map([['refuse 23', 1]]);
  const parts = new Map<string, number>();
  for (const { name, weight } of arms) {
    for (const [outcome, part] of clusterMeaning(resources, name, connection)) parts.set(outcome, (parts.get(outcome) ?? 0) + (part * weight) / total);
  }
  return parts;
}

/** The listener bound to the very address, else the one bound to all, which has no loopback. */
function listenerOf({ listeners }: Resources, { address, port }: Connection): Listener | undefined {
  const isBound = (one: Listener, to: string): boolean => {
    const socket = one.address?.address?.$case === 'socketAddress' ? one.address.address.value : undefined;
    return socket?.address === to && socket.portSpecifier?.$case === 'portValue' && socket.portSpecifier.value === port;
  };
  const all = [...listeners.values()];
  return all.find((one) => isBound(one, address)) ?? (isLoopback(address) ? undefined : all.find((one) => isBound(one, address.includes(':') ? '::' : '0.0.0.0')));
}

/** Those with the longest range that holds the address; without a range all addresses. */
function chainsOf({ filterChains }: Listener, address: string): FilterChain[] {
  const lengthOf = ({ filterChainMatch }: FilterChain): number => {
    const ranges = filterChainMatch?.prefixRanges ?? [];
    if (ranges.length === 0) return 0;
    return Math.max(-1, ...ranges.filter(({ addressPrefix, prefixLen = 0 }) => isWithin(address, addressPrefix, prefixLen)).map(({ prefixLen = 0 }) => prefixLen));
  };
  const longest = Math.max(-1, ...filterChains.map(lengthOf));
  return longest < 0 ? [] : filterChains.filter((chain) => lengthOf(chain) === longest);
}

const asksForMore = ({ filterChainMatch: match }: FilterChain): boolean => match !== undefined && (match.transportProtocol !== '' || match.applicationProtocols.length > 0);

function terminalOf({ routes }: Resources, { filters }: FilterChain): Terminal {
  const any = filters.at(-1)!.configType!.value as { readonly typeUrl: string; readonly value: Uint8Array };
  if (any.typeUrl.endsWith('.HttpConnectionManager')) {
    const { routeSpecifier } = HttpConnectionManager.decode(any.value);
    return { kind: 'http', table: routeSpecifier?.$case === 'rds' ? routes.get(routeSpecifier.value.routeConfigName) : undefined };
  }
  return { kind: 'tcp', decision: armsOf(TcpProxy.decode(any.value).clusterSpecifier) };
}

function armsOf(specifier: TcpProxy['clusterSpecifier'] | { readonly $case: 'weightedClusters'; readonly value: { readonly clusters: readonly { readonly name: string; readonly weight?: number | undefined }[] } }): Decision {
  if (specifier?.$case === 'cluster') return { arms: [{ name: specifier.value, weight: 1 }] };
  if (specifier?.$case !== 'weightedClusters') return undefined;
  return { arms: specifier.value.clusters.map(({ name, weight = 0 }) => ({ name, weight })) };
}

/**
 * The chain that asks for nothing but the address; else the default filter chain if it names a cluster of its own; else the routes;
 * else the default filter chain.
 */
function byDefault(resources: Resources, listener: Listener, chains: readonly FilterChain[], connection: Connection): Decision {
  const fallback = listener.defaultFilterChain && terminalOf(resources, listener.defaultFilterChain);
  const ofFallback = fallback?.kind === 'tcp' ? fallback.decision : undefined;
  const plain = chains.find((chain) => !asksForMore(chain));
  if (plain) return decisionOf(terminalOf(resources, plain), undefined, connection);
  if (ofFallback && isReal(resources, ofFallback)) return ofFallback;
  const http = chains.map((chain) => terminalOf(resources, chain)).find(({ kind }) => kind === 'http');
  return http ? decisionOf(http, ofFallback, connection) : ofFallback;
}

/** Whether it is more than one of Istio's ends for what is not known: one cluster that passes on or refuses. */
function isReal({ clusters }: Resources, { arms }: NonNullable<Decision>): boolean {
  const some = arms.filter(({ weight }) => weight > 0);
  if (some.length !== 1) return true;
  const { name } = some[0]!;
  const known = clusters.get(name);
  if (!known) return name !== 'PassthroughCluster' && name !== 'BlackHoleCluster';
  const passes = known.clusterDiscoveryType?.$case === 'type' && known.clusterDiscoveryType.value === 4;
  return !passes && name !== 'BlackHoleCluster';
}

function decisionOf(terminal: Terminal, rest: Decision, { address, port }: Connection): Decision {
  if (terminal.kind === 'tcp') return terminal.decision ?? rest;
  const { table } = terminal;
  if (!table) return rest;
  const bare = address.includes(':') ? `[${address}]` : address;
  const spelt = table.ignorePortInHostMatching ? [[address, bare]] : [[`${bare}:${port}`], [address, bare]];
  for (const domains of spelt) {
    const host = [...table.virtualHosts].find((one) => one.domains.some((domain) => domains.includes(domain)));
    if (host) return catchAll(host) ?? rest;
  }
  const any = [...table.virtualHosts].find(({ domains }) => domains.includes('*'));
  return (any && catchAll(any)) ?? rest;
}

/** Of the first route that takes every request. */
function catchAll({ routes }: VirtualHost): Decision {
  const route = routes.find(({ match }) => match?.pathSpecifier?.$case === 'prefix' && match.pathSpecifier.value === '/' && match.headers.length === 0);
  return route && actionOf(route);
}

function actionOf({ action }: Route): Decision {
  return action?.$case === 'route' ? armsOf(action.value.clusterSpecifier as Parameters<typeof armsOf>[0]) : undefined;
}

/** Of the chain for HTTP/1 in plain text. */
function tableOfRequests(resources: Resources, listener: Listener, chains: readonly FilterChain[]): RouteResource | undefined {
  const chain = chains.find(asksForMore) ?? chains[0] ?? listener.defaultFilterChain;
  const terminal = chain && terminalOf(resources, chain);
  return terminal?.kind === 'http' ? terminal.table : undefined;
}

/** undefined: the default decision. */
function routeOf(table: RouteResource, request: Request): Decision {
  const sent = request.host!.toLowerCase();
  const host = hostOf(table, table.ignorePortInHostMatching ? sent.replace(/:\d+$/, '') : sent);
  const route = host?.routes.find(({ match }) => matches(match!, request));
  return route && actionOf(route);
}

/** Whole names, then the longest `*x`, then the longest `x*`, then `*`; of a domain that stands twice the first place. */
function hostOf({ virtualHosts }: RouteResource, host: string): VirtualHost | undefined {
  const all = [...virtualHosts].flatMap((one) => one.domains.map((domain) => ({ one, domain })));
  const longest = (holds: (domain: string) => boolean) => all.filter(({ domain }) => domain !== '*' && domain.length - 1 < host.length && holds(domain)).sort((a, b) => b.domain.length - a.domain.length)[0];
  const found =
    all.find(({ domain }) => domain === host) ??
    longest((domain) => domain.startsWith('*') && host.endsWith(domain.slice(1))) ??
    longest((domain) => domain.endsWith('*') && host.startsWith(domain.slice(0, -1))) ??
    all.find(({ domain }) => domain === '*');
  return found?.one;
}

function matches({ pathSpecifier, headers }: RouteMatch, request: Request): boolean {
  const path = request.path!.split('?')[0]!;
  const value = pathSpecifier!.value as string;
  const isSegment = path === value || path.startsWith(`${value}/`);
  const pathHolds = pathSpecifier!.$case === 'prefix' ? path.startsWith(value) : pathSpecifier!.$case === 'path' ? path === value : isSegment;
  return (
    pathHolds &&
    headers.every(({ name, invertMatch, headerMatchSpecifier }) => {
      const sent = request.headers?.[name];
      const { matchPattern } = (headerMatchSpecifier as { readonly value: { readonly matchPattern: { readonly $case: string; readonly value: string } } }).value;
      if (sent === undefined) return false;
      return (matchPattern.$case === 'exact' ? sent === matchPattern.value : sent.startsWith(matchPattern.value)) !== invertMatch;
    })
  );
}
