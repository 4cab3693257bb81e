// SPDX-License-Identifier: Apache-2.0
/** The requests of cases.json: bytes that are sent to a service address, and the cluster whose endpoint has to answer. */
import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { choose, clustersOf, type RouteConfiguration } from './envoyRules.js';

/** Why the default decision applies, by the daemon's counters of routing events. */
export type DefaultReason = 'no_virtual_host' | 'no_route' | 'undecidable' | 'not_complete';

export interface Case {
  readonly name: string;
  /** Kinds of matches and situations that the case is there for. */
  readonly shows: readonly string[];
  /** Service address and port; IPv6 in brackets, v4-mapped ones are asked for as they stand. */
  readonly to: string;
  readonly method?: string;
  readonly target?: string;
  /** The Host field; left out: the request has none. */
  readonly host?: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Bytes of a body to send. */
  readonly body?: number;
  /** The request goes through TLS, or as HTTP/2 with prior knowledge. */
  readonly over?: 'tls' | 'http2';
  /** Instead of a request: texts of Latin-1 to send one by one, and milliseconds to wait between them. */
  readonly raw?: readonly (string | number)[];
  /** The client ends its side after the last byte. */
  readonly shutdown?: boolean;
  /** A cluster, several of which one has to answer, or `refused`. */
  readonly expect: string | readonly string[];
  readonly default?: DefaultReason;
  /** Every client sends this one. */
  readonly clients?: boolean;
}

/** A resource as it stands in a file. */
export type Resource = { readonly '@type': string } & Readonly<Record<string, unknown>>;

/** What the second opinion says: clusters by a route, `refused`, or why no route decides. */
export type Opinion = readonly string[] | 'refused' | 'no_virtual_host' | 'no_route';

/** A cluster's name in the routes that no cluster has. */
export const MISSING_CLUSTER = 'not-there';

export const expected = ({ expect }: Case): readonly string[] => (typeof expect === 'string' ? [expect] : expect);

export function portOf({ to }: Case): number {
  return Number(to.slice(to.lastIndexOf(':') + 1));
}

/** Without brackets. */
export function addressOf({ to }: Case): string {
  return to.slice(0, to.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

export class RequestTable {
  readonly cases: readonly Case[];
  /** Files of the mesh that the cases are sent through, without clusters and endpoints: name -> resources. */
  readonly mesh: ReadonlyMap<string, readonly Resource[]>;
  /** Route tables by the port of the listener that uses them: each port has one listener here. */
  readonly #configurations: ReadonlyMap<number, RouteConfiguration>;

  /** @param folder this one, or a copy of it. */
  constructor(folder: string) {
    this.cases = JSON.parse(fs.readFileSync(path.join(folder, 'cases.json'), 'utf8')) as Case[];
    const read = (name: string): Resource[] => (parse(fs.readFileSync(path.join(folder, 'mesh', name), 'utf8')) as { resources: Resource[] }).resources;
    this.mesh = new Map(['listeners.yaml', 'routes.yaml'].map((name) => [name, read(name)]));
    this.#configurations = new Map([
      ...this.mesh.get('routes.yaml')!.map((resource) => [Number(resource['name']), resource as unknown as RouteConfiguration] as const),
      ...this.mesh.get('listeners.yaml')!.flatMap(inlineRoutes),
    ]);
  }

  /** For cases that hold a whole HTTP/1 request. */
  opinion(one: Case): Opinion {
    const { method = '', target = '', host, headers = [] } = one;
    const config = this.#configurations.get(portOf(one));
    if (config === undefined) throw new Error(`no listener of the mesh has the port of ${one.to}`);
    const verdict = choose(config, { method, target, host, headers });
    if (typeof verdict === 'string') return verdict;
    const clusters = clustersOf(verdict.route);
    if (clusters === undefined) return 'no_route';
    return clusters.includes(MISSING_CLUSTER) ? 'refused' : clusters;
  }
}

function inlineRoutes(listener: Resource): (readonly [number, RouteConfiguration])[] {
  const { port_value: port } = (listener['address'] as { socket_address: { port_value: number } }).socket_address;
  const chains = listener['filter_chains'] as { filters: { typed_config: { route_config?: RouteConfiguration } }[] }[];
  return chains.flatMap(({ filters }) => filters.flatMap(({ typed_config: config }) => (config.route_config ? [[port, config.route_config] as const] : [])));
}
