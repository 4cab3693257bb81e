// SPDX-License-Identifier: Apache-2.0
import type { OutlierDetection } from './outliers.js';
import type { RouteTable } from './routeTable.js';
import type { PassReason, RefuseReason, Target } from './target.js';

export type { PassReason, RefuseReason, Target, WeightedCluster } from './target.js';

/**
 * The mesh model: what the xDS resources mean for a connect() on this node.
 * Built by pure functions from resources; compared by daemon/diff; written by daemon/maps.
 */

/** 4 for IPv4, 6 for IPv6. A v4-mapped IPv6 address is IPv4. */
export type Family = 4 | 6;

/**
 * A destination that connections are matched against: an address (prefixLength 32 or 128),
 * a range, or a wildcard (prefixLength 0), and one port.
 */
export interface Frontend {
  readonly family: Family;
  /** Canonical text (RFC 5952 for IPv6) with host bits zero. */
  readonly address: string;
  readonly prefixLength: number;
  readonly port: number;
  /** Name of the Listener resource, for counters and explanations. */
  readonly listener: string;
  /** The default decision: of connections whose request is not read or not routed. */
  readonly target: Target;
  /** Name of the route table that decides on requests; undefined: they are not read. */
  readonly routes: string | undefined;
}

/** `source_hash`: connections of one network namespace go to one endpoint, as far as endpoints stay. */
export type LbPolicy = 'round_robin' | 'random' | 'least_request' | 'source_hash';

/** An endpoint that may be chosen, with its part of the cluster's connections. */
export interface Endpoint {
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
  /** Relative weight, a positive finite number: priority load x locality weight x endpoint weight. */
  readonly weight: number;
}

export type Cluster =
  | {
      readonly kind: 'endpoints';
      readonly name: string;
      readonly lb: LbPolicy;
      /** undefined: no limit. */
      readonly maxConnections: number | undefined;
      /** undefined: endpoints are not ejected. */
      readonly outliers?: OutlierDetection;
      /** Endpoints reachable from an IPv4 socket, distinct by address and port, in the order of the resource. */
      readonly ipv4: readonly Endpoint[];
      /** Endpoints for an IPv6 socket with an IPv6 address. */
      readonly ipv6: readonly Endpoint[];
      /** Unhealthy endpoints were taken in by the cluster's panic threshold. */
      readonly panic: boolean;
      /** Why both lists are empty, when they are. */
      readonly empty: 'no_endpoints' | 'all_unhealthy';
    }
  | { readonly kind: 'pass'; readonly name: string; readonly reason: PassReason }
  | { readonly kind: 'refuse'; readonly name: string; readonly reason: RefuseReason };

export type ResourceType = 'listener' | 'route' | 'cluster' | 'endpoints';

/** Something that a resource asks for and this node does not do. */
export interface NotEnforced {
  readonly resourceType: ResourceType;
  /** Name of the resource. */
  readonly resource: string;
  /** Where in it, for example `virtualHosts[reviews:9080].routes[0]`; empty for the whole. */
  readonly path: string;
  /** Stable identifier, for example `retry_policy`, `tls_inspector`, `filter_chain_match.server_names`. */
  readonly feature: string;
  /** One sentence for people: what is not done and what happens instead. */
  readonly reason: string;
}

export interface MeshModel {
  /** By `frontendKey`. */
  readonly frontends: ReadonlyMap<string, Frontend>;
  /** By name. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  /** By name. */
  readonly routeTables: ReadonlyMap<string, RouteTable>;
  readonly notEnforced: readonly NotEnforced[];
  /** Regular expressions for which there was no time: the next model of the same resources has more of them. */
  readonly expressionsLeft: number;
}

/** `10.96.0.1/32:80`, `::/0:9080`. */
export function frontendKey(f: Pick<Frontend, 'address' | 'prefixLength' | 'port'>): string {
  return `${f.address}/${f.prefixLength}:${f.port}`;
}
