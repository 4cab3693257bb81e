// SPDX-License-Identifier: Apache-2.0
import type { Listener } from '../proto/envoy/config/listener/v3/listener.js';
import type { TcpProxy } from '../proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import type { HttpConnectionManager } from '../proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import type { Ip } from './address.js';
import { isForPlainText, unknowable } from './chainMatch.js';
import type { PlacedChain } from './chainMatch.js';
import { listHttpFilters, terminalOf } from './filters.js';
import type { Terminal } from './filters.js';
import type { Findings } from './notEnforced.js';
import { readRoutes, RouteLookup } from './routes.js';
import type { RouteTable } from './routes.js';
import { PASS, sameTarget, weightedTarget } from './target.js';
import type { Target } from './types.js';

/** What a cluster name means for a default decision; `real` also when the cluster is not known. */
export type ClusterMeaning = 'real' | 'pass' | 'blackhole';

/** What a listener is decided with beyond its own resource. */
export interface Lookups {
  /** The route table of that name; undefined when it was not sent. */
  routes(name: string): RouteTable | undefined;
  meaning(cluster: string): ClusterMeaning;
}

/** What connections to one range of addresses come to. */
export type Decision =
  | { readonly kind: 'target'; readonly target: Target }
  /** By the address's virtual host; else `rest`. */
  | { readonly kind: 'http'; readonly table: RouteTable | undefined; readonly rest: Target };

interface ReadChain {
  readonly path: string;
  readonly terminal: Terminal['kind'];
  readonly target: Target | undefined;
  readonly table: RouteTable | undefined;
}

/** Decides between the filter chains of one listener by what is known at connect(). Each chain is read once. */
export class ChainDecisions {
  readonly #lookups: Lookups;
  readonly #findings: Findings;
  readonly #default: PlacedChain | undefined;
  readonly #read = new Map<PlacedChain, ReadChain>();
  readonly #byPort = new Map<RouteTable, Map<number, RouteLookup>>();

  constructor(listener: Listener, lookups: Lookups, findings: Findings) {
    this.#lookups = lookups;
    this.#findings = findings;
    this.#default = listener.defaultFilterChain && { chain: listener.defaultFilterChain, path: 'defaultFilterChain' };
    if (listener.filterChainMatcher) findings.once('filter_chain_matcher', 'filterChainMatcher', 'chains are chosen by their own matches, not by a matcher tree');
    for (const [i, { filterChainMatch }] of listener.filterChains.entries()) {
      for (const part of unknowable(filterChainMatch)) {
        findings.once(`filter_chain_match.${part}`, `filterChains[${i}]`, 'not known at connect(): connections are not told apart by it and take the default decision');
      }
    }
  }

  /**
   * The default decision among chains that match the same destination: the chain that asks for nothing else; else the
   * default filter chain if it leads to a cluster of its own; else the HTTP routes of one of the chains; else the
   * default filter chain whatever it does.
   */
  of(chains: readonly PlacedChain[]): Decision {
    const plain = chains.find(({ chain }) => unknowable(chain.filterChainMatch).length === 0);
    if (plain) return decisionOf(this.#chain(plain), PASS);
    const fallback = this.#default && this.#chain(this.#default);
    const http = chains.map((chain) => this.#chain(chain)).find(({ terminal }) => terminal === 'http');
    if (fallback?.target && this.#isReal(fallback.target)) {
      if (http?.table) this.#listOverruled(http.path, http.table, fallback.target);
      return { kind: 'target', target: fallback.target };
    }
    if (http) return decisionOf(http, fallback?.target ?? PASS);
    if (fallback) return decisionOf(fallback, PASS);
    // A proxy would close what the only chain does not match, so it can be taken for all connections in plain text.
    const [only] = chains;
    return only && chains.length === 1 && isForPlainText(only) ? decisionOf(this.#chain(only), PASS) : { kind: 'target', target: PASS };
  }

  /** For an address that the decision's range holds. */
  targetFor(decision: Decision, ip: Ip, port: number): Target {
    return decision.kind === 'target' ? decision.target : (this.lookup(decision, port)?.find(ip) ?? decision.rest);
  }

  /** For the addresses of the decision's range that no virtual host names. */
  targetOfRest(decision: Decision): Target {
    return decision.kind === 'target' ? decision.target : (decision.table?.any ?? decision.rest);
  }

  lookup({ table }: Extract<Decision, { kind: 'http' }>, port: number): RouteLookup | undefined {
    if (!table) return undefined;
    const lookups = this.#byPort.get(table) ?? new Map<number, RouteLookup>();
    this.#byPort.set(table, lookups);
    const lookup = lookups.get(port) ?? new RouteLookup(table, port);
    lookups.set(port, lookup);
    return lookup;
  }

  /** Whether connections that take this target go on to their original address. */
  passes(target: Target): boolean {
    return target.kind === 'pass' || (target.kind === 'cluster' && this.#lookups.meaning(target.cluster) === 'pass');
  }

  #isReal(target: Target): boolean {
    return target.kind !== 'cluster' || this.#lookups.meaning(target.cluster) === 'real';
  }

  #chain(placed: PlacedChain): ReadChain {
    const known = this.#read.get(placed);
    if (known) return known;
    const { chain, path } = placed;
    if (chain.transportSocket) this.#findings.once('downstream_tls', path, 'TLS of clients is not ended by the node: connections go on as the client made them');
    const terminal = terminalOf(chain, path, this.#findings);
    const read: ReadChain = {
      path,
      terminal: terminal.kind,
      target: terminal.kind === 'tcp' ? tcpTarget(terminal.config, path, this.#findings) : undefined,
      table: terminal.kind === 'http' ? this.#routeTable(terminal.config, path) : undefined,
    };
    this.#read.set(placed, read);
    return read;
  }

  #routeTable({ routeSpecifier, httpFilters }: HttpConnectionManager, path: string): RouteTable | undefined {
    listHttpFilters(httpFilters, path, this.#findings);
    if (routeSpecifier?.$case === 'routeConfig') return readRoutes(routeSpecifier.value, `${path}.routeConfig.`, this.#findings);
    if (routeSpecifier?.$case !== 'rds') {
      this.#findings.once('scoped_routes', path, 'the route table is known from the request only: connections take the decision of the listener, or go on to their original address');
      return undefined;
    }
    const name = routeSpecifier.value.routeConfigName;
    const table = this.#lookups.routes(name);
    if (!table) this.#findings.once('route_missing', path, `route table ${name} was not sent: connections take the decision of the listener, or go on to their original address`);
    return table;
  }

  #listOverruled(path: string, { addresses, any }: RouteTable, target: Target): void {
    const others = [...addresses.map((address) => address.target), any].filter((other) => other !== undefined && !sameTarget(other, target));
    if (others.length > 0) this.#findings.once('http_routes', path, 'HTTP is not told from other connections: all go to the cluster of the default filter chain');
  }
}

function decisionOf({ terminal, target, table }: ReadChain, rest: Target): Decision {
  return terminal === 'http' ? { kind: 'http', table, rest } : { kind: 'target', target: target ?? rest };
}

/** Left out, because they do not change where connections go: access logs and statistics. */
function tcpTarget(config: TcpProxy, path: string, findings: Findings): Target {
  const list = (asked: unknown, feature: string, reason: string): void => {
    if (asked) findings.once(feature, path, reason);
  };
  list(config.tunnelingConfig, 'tunneling', 'connections are not put into an HTTP tunnel: they go to the endpoint as they are');
  list(config.idleTimeout ?? config.downstreamIdleTimeout ?? config.upstreamIdleTimeout, 'idle_timeout', 'idle connections are not closed by the node');
  list(config.maxDownstreamConnectionDuration, 'max_connection_duration', 'connections are not closed after a time');
  list((config.maxConnectAttempts ?? 1) > 1, 'max_connect_attempts', 'a connect() that fails is not tried again with another endpoint: the client sees the error');
  list(config.hashPolicy.length, 'hash_policy', 'connections are not kept to an endpoint by hash');
  list(config.metadataMatch, 'metadata_match', 'endpoints are not chosen by metadata: all are balanced');
  list(config.onDemand, 'on_demand', 'clusters are not asked for when a connection needs them');
  const specifier = config.clusterSpecifier;
  if (specifier?.$case === 'cluster') return { kind: 'cluster', cluster: specifier.value };
  if (specifier?.$case === 'weightedClusters') return weightedTarget(specifier.value.clusters.map(({ name, weight }) => ({ cluster: name, weight })));
  findings.once('network_filter', path, 'the TCP proxy names no cluster: connections go on to their original address');
  return PASS;
}
