// SPDX-License-Identifier: Apache-2.0
import type { Listener } from '../proto/envoy/config/listener/v3/listener.js';
import type { HttpConnectionManager } from '../proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import type { Ip } from './address.js';
import { forPlainRequest, isForPlainText, unknowable } from './chainMatch.js';
import type { PlacedChain } from './chainMatch.js';
import { listConnectionManager } from './connectionManager.js';
import { terminalOf } from './filters.js';
import type { Terminal } from './filters.js';
import { clustersOf, proxyHashesBySource } from './hashPolicy.js';
import type { Findings } from './notEnforced.js';
import { readRoutes, RouteLookup } from './routes.js';
import type { Routes } from './routes.js';
import { PASS } from './target.js';
import { tcpTarget } from './tcpProxy.js';
import type { Target } from './types.js';

/** What a cluster name means for a default decision; `real` also when the cluster is not known. */
export type ClusterMeaning = 'real' | 'pass' | 'blackhole';

/** What a listener is decided with beyond its own resource. */
export interface Lookups {
  /** The routes of that name; undefined when they were not sent. */
  routes(name: string): Routes | undefined;
  meaning(cluster: string): ClusterMeaning;
  /** What was made the last time of routes that stand in the listener itself, by the name of their table. */
  inline(name: string): Routes | undefined;
}

/** The default decision for one range of addresses. */
type DefaultDecision =
  | { readonly kind: 'target'; readonly target: Target }
  /** By the address's virtual host; else `rest`. */
  | { readonly kind: 'http'; readonly routes: Routes | undefined; readonly rest: Target };

/** What connections to one range of addresses come to; `requests`: the routes that requests in plain HTTP/1 take. */
export type Decision = DefaultDecision & { readonly requests: Routes | undefined };

const OF_REQUESTS = new Set(['transport_protocol', 'application_protocols']);
const NOT_TOLD = 'not known at connect(): connections are not told apart by it and take the default decision';
const TOLD_BY_REQUEST = 'not known at connect(): only requests in plain HTTP/1 are told apart, by the node where it reads them; others take the default decision';

interface ReadChain {
  readonly terminal: Terminal['kind'];
  readonly target: Target | undefined;
  readonly routes: Routes | undefined;
}

/** Decides between the filter chains of one listener by what is known at connect(). Each chain is read once. */
export class ChainDecisions {
  readonly #listener: string;
  readonly #lookups: Lookups;
  readonly #findings: Findings;
  readonly #default: PlacedChain | undefined;
  readonly #read = new Map<PlacedChain, ReadChain>();
  readonly #byPort = new Map<Routes, Map<number, RouteLookup>>();
  readonly #inline = new Map<string, Routes>();
  readonly #hashed = new Set<string>();

  constructor(listener: Listener, lookups: Lookups, findings: Findings) {
    this.#listener = listener.name;
    this.#lookups = lookups;
    this.#findings = findings;
    this.#default = listener.defaultFilterChain && { chain: listener.defaultFilterChain, path: 'defaultFilterChain' };
    if (listener.filterChainMatcher) findings.once('filter_chain_matcher', 'filterChainMatcher', 'chains are chosen by their own matches, not by a matcher tree');
    for (const [i, { filterChainMatch }] of listener.filterChains.entries()) {
      for (const part of unknowable(filterChainMatch)) {
        findings.once(`filter_chain_match.${part}`, `filterChains[${i}]`, OF_REQUESTS.has(part) ? TOLD_BY_REQUEST : NOT_TOLD);
      }
    }
  }

  /** Route configurations that stand in the listener itself, by the name of their table. */
  get inline(): ReadonlyMap<string, Routes> {
    return this.#inline;
  }

  /** Clusters that the chains read so far reach by a hash of the client's address, through routes of their own or none. */
  get hashed(): ReadonlySet<string> {
    return this.#hashed;
  }

  /** Among chains that match the same destination. */
  of(chains: readonly PlacedChain[]): Decision {
    return { ...this.#byDefault(chains), requests: this.#ofRequests(chains) };
  }

  /** For an address that the decision's range holds. */
  targetFor(decision: Decision, ip: Ip, port: number): Target {
    return decision.kind === 'target' ? decision.target : (this.lookup(decision, port)?.find(ip) ?? decision.rest);
  }

  /** For the addresses of the decision's range that no virtual host names. */
  targetOfRest(decision: Decision): Target {
    return decision.kind === 'target' ? decision.target : (decision.routes?.any ?? decision.rest);
  }

  lookup({ routes }: Extract<Decision, { kind: 'http' }>, port: number): RouteLookup | undefined {
    if (!routes) return undefined;
    const lookups = this.#byPort.get(routes) ?? new Map<number, RouteLookup>();
    this.#byPort.set(routes, lookups);
    const lookup = lookups.get(port) ?? new RouteLookup(routes, port);
    lookups.set(port, lookup);
    return lookup;
  }

  /** Whether connections that take this target go on to their original address. */
  passes(target: Target): boolean {
    return target.kind === 'pass' || (target.kind === 'cluster' && this.#lookups.meaning(target.cluster) === 'pass');
  }

  /**
   * The chain that asks for nothing else; else the default filter chain if it leads to a cluster of its own; else the
   * HTTP routes of one of the chains; else the default filter chain whatever it does.
   */
  #byDefault(chains: readonly PlacedChain[]): DefaultDecision {
    const plain = chains.find(({ chain }) => unknowable(chain.filterChainMatch).length === 0);
    if (plain) return decisionOf(this.#chain(plain), PASS);
    const fallback = this.#default && this.#chain(this.#default);
    const http = chains.map((chain) => this.#chain(chain)).find(({ terminal }) => terminal === 'http');
    if (fallback?.target && this.#isReal(fallback.target)) return { kind: 'target', target: fallback.target };
    if (http) return decisionOf(http, fallback?.target ?? PASS);
    if (fallback) return decisionOf(fallback, PASS);
    // A proxy would close what the only chain does not match, so it can be taken for all connections in plain text.
    const [only] = chains;
    return only && chains.length === 1 && isForPlainText(only) ? decisionOf(this.#chain(only), PASS) : { kind: 'target', target: PASS };
  }

  #ofRequests(chains: readonly PlacedChain[]): Routes | undefined {
    const found = forPlainRequest(chains);
    if (found === 'unknown') return undefined;
    const chain = found === 'none' ? this.#default : found;
    return chain && this.#chain(chain).routes;
  }

  #addHashed(clusters: Iterable<string>): void {
    for (const name of clusters) this.#hashed.add(name);
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
      terminal: terminal.kind,
      target: terminal.kind === 'tcp' ? tcpTarget(terminal.config, path, this.#findings) : undefined,
      routes: terminal.kind === 'http' ? this.#routes(terminal.config, path) : undefined,
    };
    if (terminal.kind === 'tcp' && proxyHashesBySource(terminal.config)) this.#addHashed(clustersOf(terminal.config.clusterSpecifier));
    this.#read.set(placed, read);
    return read;
  }

  #routes(config: HttpConnectionManager, path: string): Routes | undefined {
    const { routeSpecifier } = config;
    listConnectionManager(config, path, this.#findings);
    if (routeSpecifier?.$case === 'routeConfig') {
      const place = { name: `${this.#listener} ${path}.routeConfig`, prefix: `${path}.routeConfig.` };
      const routes = readRoutes(routeSpecifier.value, place, this.#lookups.inline(place.name), this.#findings);
      this.#inline.set(place.name, routes);
      this.#addHashed(routes.hashed);
      return routes;
    }
    if (routeSpecifier?.$case !== 'rds') {
      this.#findings.once('scoped_routes', path, `route tables are not chosen by the request: ${WITHOUT_ROUTES}`);
      return undefined;
    }
    const name = routeSpecifier.value.routeConfigName;
    const routes = this.#lookups.routes(name);
    if (!routes) this.#findings.once('route_missing', path, `route table ${name} was not sent: ${WITHOUT_ROUTES}`);
    return routes;
  }
}

const WITHOUT_ROUTES = 'connections take the decision of the listener, or go on to their original address';

function decisionOf({ terminal, target, routes }: ReadChain, rest: Target): DefaultDecision {
  return terminal === 'http' ? { kind: 'http', routes, rest } : { kind: 'target', target: target ?? rest };
}
