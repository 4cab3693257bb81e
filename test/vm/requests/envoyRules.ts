// SPDX-License-Identifier: Apache-2.0
/**
 * Envoy's rules for choosing a route, read once more from its documentation and sources: the second opinion that the
 * kernel's answers are held against. Works on resources as they stand in xDS files, and shares nothing with daemon/.
 */
import { headerMatches, textMatches, type HeaderMatcher, type StringMatcher } from './matchers.js';

export interface RouteConfiguration {
  readonly name: string;
  readonly ignore_port_in_host_matching?: boolean;
  readonly virtual_hosts?: readonly VirtualHost[];
}

interface VirtualHost {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes?: readonly Route[];
}

export interface Route {
  readonly name?: string;
  readonly match: RouteMatch;
  readonly route?: { readonly cluster?: string; readonly weighted_clusters?: { readonly clusters: readonly WeightedCluster[] } };
  readonly redirect?: unknown;
  readonly direct_response?: unknown;
}

interface WeightedCluster {
  readonly name: string;
  readonly weight?: number;
}

interface RouteMatch {
  readonly prefix?: string;
  readonly path?: string;
  readonly path_separated_prefix?: string;
  readonly safe_regex?: { readonly regex: string };
  readonly case_sensitive?: boolean;
  readonly headers?: readonly HeaderMatcher[];
  readonly query_parameters?: readonly { readonly name: string; readonly present_match?: boolean; readonly string_match?: StringMatcher }[];
}

/** A request as its sender means it. */
export interface Request {
  readonly method: string;
  /** The request target: a path with a query, an absolute URL, or `*`. */
  readonly target: string;
  readonly host?: string | undefined;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface Choice {
  readonly virtualHost: string;
  /** Place of the route in its virtual host. */
  readonly index: number;
  readonly route: Route;
}

export type Verdict = Choice | 'no_virtual_host' | 'no_route';

export function choose(config: RouteConfiguration, request: Request): Verdict {
  const { authority, path } = targetOf(request);
  const host = virtualHost(config, authority);
  if (host === undefined) return 'no_virtual_host';
  const values = headerValues(request, authority, path);
  const index = (host.routes ?? []).findIndex(({ match }) => routeMatches(match, path, values));
  const route = host.routes?.[index];
  return route === undefined ? 'no_route' : { virtualHost: host.name, index, route };
}

/** Clusters that the route may lead to; undefined when it leads to none, as redirects do. */
export function clustersOf({ route }: Route): readonly string[] | undefined {
  if (route?.cluster !== undefined) return [route.cluster];
  return route?.weighted_clusters?.clusters.filter(({ weight }) => (weight ?? 0) > 0).map(({ name }) => name);
}

/** RFC 9112 section 3.2.2: the authority of a target in absolute form goes before the Host field. */
function targetOf({ target, host }: Request): { readonly authority: string | undefined; readonly path: string } {
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)(.*)$/i.exec(target);
  if (!absolute) return { authority: host, path: target };
  const [, authority, rest = ''] = absolute;
  return { authority, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** All fields of one name together, joined by a comma, beside the pseudo-headers. */
function headerValues(request: Request, authority: string | undefined, path: string): ReadonlyMap<string, string> {
  const values = new Map([
    [':method', request.method],
    [':path', path],
    [':scheme', 'http'],
  ]);
  if (authority !== undefined) values.set(':authority', authority);
  for (const [name, value] of request.headers) {
    const key = name.toLowerCase();
    const before = values.get(key);
    const trimmed = value.replace(/^[ \t]+|[ \t]+$/g, '');
    values.set(key, before === undefined ? trimmed : `${before},${trimmed}`);
  }
  return values;
}

/** Exact domains first, then the longest `*TEXT`, then the longest `TEXT*`, then `*`; a star stands for one character or more. */
function virtualHost(config: RouteConfiguration, authority: string | undefined): VirtualHost | undefined {
  if (authority === undefined) return undefined;
  const lower = authority.toLowerCase();
  const host = config.ignore_port_in_host_matching === true ? lower.replace(/:\d+$/, '') : lower;
  const ranked = (config.virtual_hosts ?? []).flatMap((candidate) => candidate.domains.map((domain) => ({ candidate, rank: domainRank(domain.toLowerCase(), host) })));
  const best = ranked.reduce((most, one) => (one.rank > most.rank ? one : most), { candidate: undefined as VirtualHost | undefined, rank: 0 });
  return best.candidate;
}

/** 0: does not match. No name has 1,000 characters. */
function domainRank(domain: string, host: string): number {
  if (domain === host) return 3000;
  if (domain === '*') return 1;
  const longer = host.length > domain.length - 1;
  if (domain.startsWith('*')) return longer && host.endsWith(domain.slice(1)) ? 2000 + domain.length : 0;
  if (domain.endsWith('*')) return longer && host.startsWith(domain.slice(0, -1)) ? 1000 + domain.length : 0;
  return 0;
}

function routeMatches(match: RouteMatch, fullPath: string, values: ReadonlyMap<string, string>): boolean {
  const [beforeFragment = ''] = fullPath.split('#', 1);
  const question = beforeFragment.indexOf('?');
  const path = question < 0 ? beforeFragment : beforeFragment.slice(0, question);
  const parameters = question < 0 ? new Map<string, string>() : queryParameters(beforeFragment.slice(question + 1));
  return (
    pathMatches(match, path) &&
    (match.headers ?? []).every((matcher) => headerMatches(matcher, values.get(matcher.name.toLowerCase()))) &&
    (match.query_parameters ?? []).every(({ name, string_match: text }) => {
      const value = parameters.get(name);
      return value !== undefined && (text === undefined || textMatches(text, value));
    })
  );
}

function pathMatches(match: RouteMatch, path: string): boolean {
  const folded = (text: string): string => (match.case_sensitive === false ? text.toLowerCase() : text);
  const given = folded(path);
  if (match.prefix !== undefined) return given.startsWith(folded(match.prefix));
  if (match.path !== undefined) return given === folded(match.path);
  if (match.path_separated_prefix !== undefined) {
    const prefix = folded(match.path_separated_prefix);
    return given === prefix || given.startsWith(`${prefix}/`);
  }
  if (match.safe_regex !== undefined) return textMatches({ safe_regex: match.safe_regex }, path);
  throw new Error(`a match of another kind: ${JSON.stringify(match)}`);
}

/** Names and values as they are sent, without decoding; of several values the first counts. */
function queryParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (!parameters.has(name)) parameters.set(name, equals < 0 ? '' : part.slice(equals + 1));
  }
  return parameters;
}
