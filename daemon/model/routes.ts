// SPDX-License-Identifier: Apache-2.0
import type { Ip } from './address.js';
import { domainAddress } from './domains.js';
import type { DomainAddress } from './domains.js';
import { clustersHashedBySource } from './hashPolicy.js';
import type { Findings } from './notEnforced.js';
import type { RouteResource } from './resources.js';
import { listRouteConfiguration } from './routeFeatures.js';
import type { RoutedHost, RouteTable } from './routeTable.js';
import { domainKey } from './routing/hostDomains.js';
import type { ReadDomain } from './routing/hostDomains.js';
import { buildHost } from './routing/virtualHost.js';
import { whole } from './slices.js';
import type { Slices } from './slices.js';
import { targetKey } from './target.js';
import type { Target } from './types.js';

/** What a virtual host means for connections to an address that its domains hold, where their request is not read. */
export interface AddressDecision extends DomainAddress {
  /** Of its catch-all route; undefined when it has none that leads to a cluster. */
  readonly target: Target | undefined;
}

/** What was made of a route configuration. */
export interface Routes {
  /** The default decisions. */
  readonly addresses: readonly AddressDecision[];
  /** Of the virtual host with the domain `*`. */
  readonly any: Target | undefined;
  /** The decisions by the request. */
  readonly table: RouteTable;
  /** `targetKey` of all that requests can be routed to. */
  readonly targets: ReadonlySet<string>;
  /** Clusters that its routes reach by a hash of the client's address. */
  readonly hashed: ReadonlySet<string>;
}

/** Where a route configuration stands: as a resource, or inside of a listener. */
export interface Place {
  /** Name of its route table. */
  readonly name: string;
  /** Path in its resource, with a dot at its end; else empty. */
  readonly prefix: string;
}

/** @param before what was made of it the last time: virtual hosts that did not change keep their programs. */
export function readRoutes(config: RouteResource, place: Place, before: Routes | undefined, findings: Findings): Routes {
  return whole(readRoutesInSlices(config, place, before, findings));
}

/** The same in slices: a table may hold the virtual hosts of all services. */
export function* readRoutesInSlices(config: RouteResource, { name, prefix }: Place, before: Routes | undefined, findings: Findings): Slices<Routes> {
  const programs = new Map(before?.table.virtualHosts.map((host) => [host.name, host.program]));
  const taken = new Set<string>();
  const addresses: AddressDecision[] = [];
  const virtualHosts: RoutedHost[] = [];
  const targets = new Set<string>();
  const hashed = new Set<string>();
  let any: Target | undefined;
  listRouteConfiguration(config, prefix.slice(0, -1), findings);
  for (const proto of config.virtualHosts) {
    const path = `${prefix}virtualHosts[${proto.name}]`;
    const host = yield* buildHost(proto, path, programs.get(proto.name), findings);
    for (const target of host.targets) targets.add(targetKey(target));
    for (const cluster of clustersHashedBySource(proto)) hashed.add(cluster);
    const domains = untaken(host.domains, taken, path, findings);
    virtualHosts.push({ name: proto.name, domains: domains.map(({ domain }) => domain), program: host.program });
    const held = heldBy(domains, config.ignorePortInHostMatching);
    const isDefault = domains.some(({ domain }) => domain.kind === 'any');
    if (!host.catchAll && (held.length > 0 || isDefault)) listNoDefault(path, findings);
    for (const address of held) addresses.push({ ...address, target: host.catchAll?.target });
    if (isDefault) any = host.catchAll?.target;
  }
  return { addresses, any, table: { name, ignorePort: config.ignorePortInHostMatching, virtualHosts }, targets, hashed };
}

/** Envoy refuses a route configuration that has a domain twice; here its first place counts. */
function untaken(domains: readonly ReadDomain[], taken: Set<string>, path: string, findings: Findings): readonly ReadDomain[] {
  const first = domains.filter(({ domain }) => !taken.has(domainKey(domain)) && taken.add(domainKey(domain)));
  if (first.length < domains.length) findings.once('duplicate_domain', path, 'a domain that stands twice leads to the virtual host that has it first');
  return first;
}

/** The addresses of a host's domains. When ports are ignored, a domain with a port matches no request. */
function heldBy(domains: readonly ReadDomain[], ignorePort: boolean): DomainAddress[] {
  return domains.flatMap(({ spelt }) => domainAddress(spelt) ?? []).filter(({ port }) => port === undefined || !ignorePort);
}

function listNoDefault(path: string, findings: Findings): void {
  findings.add('no_default_route', path, 'no route matches every request: connections that no route takes have the decision of the listener, or go on to their original address');
}

/** The decision for an address and port: a domain with the port before one without. */
export class RouteLookup {
  readonly #routes: Routes;
  readonly #exact = new Map<string, AddressDecision>();

  constructor(routes: Routes, port: number) {
    this.#routes = routes;
    for (const decision of routes.addresses) {
      const known = this.#exact.get(decision.ip.text);
      if (decision.port === port || (decision.port === undefined && !known)) this.#exact.set(decision.ip.text, decision);
    }
  }

  /** Addresses that virtual hosts hold on this port. */
  get addresses(): Iterable<AddressDecision> {
    return this.#exact.values();
  }

  find(ip: Ip): Target | undefined {
    const exact = this.#exact.get(ip.text);
    return exact ? exact.target : this.#routes.any;
  }
}
