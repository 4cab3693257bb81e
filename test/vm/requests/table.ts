// SPDX-License-Identifier: Apache-2.0
/** The requests of cases.json: bytes that are sent to a service address, and the cluster whose endpoint has to answer. */
import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../paths.js';
import { choose, clustersOf, type Request, type RouteConfiguration } from './envoyRules.js';

/** Why the default decision applies, by the daemon's counters of routing events. */
export type DefaultReason = 'no_host' | 'no_route' | 'undecidable' | 'not_complete';

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

const FOLDER = path.join(ROOT, 'test/vm/requests');

export const CASES: readonly Case[] = JSON.parse(fs.readFileSync(path.join(FOLDER, 'cases.json'), 'utf8')) as Case[];

/** Folder of the listeners and routes that the cases are sent through. */
export const MESH = path.join(FOLDER, 'mesh');

/** A cluster's name in route tables that no cluster has. */
export const MISSING_CLUSTER = 'not-there';

/** A resource as it stands in a file. */
export type Resource = { readonly '@type': string } & Readonly<Record<string, unknown>>;

export function resourcesOf(file: string): readonly Resource[] {
  return (parse(fs.readFileSync(path.join(MESH, file), 'utf8')) as { resources: Resource[] }).resources;
}

export const expected = ({ expect }: Case): readonly string[] => (typeof expect === 'string' ? [expect] : expect);

/** What the second opinion says: clusters by a route, `refused`, or why no route decides. */
export type Opinion = readonly string[] | 'refused' | 'no_host' | 'no_route';

/** For cases that hold a whole HTTP/1 request. */
export function opinion({ to, method = '', target = '', host, headers = [] }: Case): Opinion {
  const request: Request = { method, target, host, headers };
  const verdict = choose(configurationFor(to), request);
  if (typeof verdict === 'string') return verdict;
  const clusters = clustersOf(verdict.route);
  if (clusters === undefined) return 'no_route';
  return clusters.includes(MISSING_CLUSTER) ? 'refused' : clusters;
}

const inlineName = (resource: Resource): string => (resource['address'] as { socket_address: { port_value: number } }).socket_address.port_value.toString();

/** Route tables by the port of the listener that uses them: each port has one listener here. */
const configurations: ReadonlyMap<string, RouteConfiguration> = new Map([
  ...resourcesOf('routes.yaml').map((resource) => [String(resource['name']), resource as unknown as RouteConfiguration] as const),
  ...resourcesOf('listeners.yaml').flatMap((listener) => inlineRoutes(listener).map((config) => [inlineName(listener), config] as const)),
]);

function inlineRoutes(listener: Resource): RouteConfiguration[] {
  const chains = listener['filter_chains'] as { filters: { typed_config: { route_config?: RouteConfiguration } }[] }[];
  return chains.flatMap(({ filters }) => filters.flatMap(({ typed_config: config }) => config.route_config ?? []));
}

function configurationFor(to: string): RouteConfiguration {
  const port = to.slice(to.lastIndexOf(':') + 1);
  const config = configurations.get(port);
  if (config === undefined) throw new Error(`no listener of the mesh has the port of ${to}`);
  return config;
}
