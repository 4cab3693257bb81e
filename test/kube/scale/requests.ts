// SPDX-License-Identifier: Apache-2.0
/** Where requests go: by the objects in the cluster, and by the maps on the node. */
import { inPod } from '../kubectl.js';
import { NAMESPACE as OWN } from '../kmesh.js';
import { at, type Cluster, type Meaning, readCluster, type Shares, sharesOf, type VirtualService } from './meaning.js';
import { serviceName } from './objects.js';

/** A request to one of the Services, to each of its addresses. */
export interface Request {
  readonly service: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

type HttpRoute = NonNullable<VirtualService['spec']['http']>[number];
type HttpMatch = NonNullable<HttpRoute['match']>[number];
type StringMatch = NonNullable<HttpMatch['uri']>;

const keyOf = (address: string, { path, headers }: Request): string => [address, path, ...Object.entries(headers).map((pair) => pair.join(':'))].join(' ');

/** As Istio's reference defines StringMatch: an expression holds for the whole text, in RE2's syntax. */
function matches(match: StringMatch, text: string): boolean {
  if (match.exact !== undefined) return text === match.exact;
  if (match.prefix !== undefined) return text.startsWith(match.prefix);
  return new RegExp(`^(?:${match.regex})$`).test(text);
}

/** All parts of a match hold. */
const applies = ({ uri, headers = {} }: HttpMatch, { path, headers: sent }: Request): boolean =>
  (uri === undefined || matches(uri, path)) && Object.entries(headers).every(([name, match]) => sent[name] !== undefined && matches(match, sent[name]));

/** The first route of which a match holds, or that has none. */
const routeOf = (routes: readonly HttpRoute[], request: Request): HttpRoute | undefined => routes.find(({ match }) => match === undefined || match.some((one) => applies(one, request)));

/** What the objects mean for these requests; Services that are not there or not visible have no entry. */
export function meaningOfRequests(own: string, requests: readonly Request[], cluster: Cluster = readCluster(own)): Meaning {
  const meaning = new Map<string, Shares>();
  for (const request of requests) {
    const service = cluster.services.find(({ name }) => name === serviceName(request.service));
    if (!service) continue;
    const routes = cluster.virtualServices.get(service.host)?.http ?? [{ route: [{ destination: { host: service.host }, weight: 1 }] }];
    for (const address of service.addresses) {
      meaning.set(keyOf(at(address, service.port), request), sharesOf(cluster, routeOf(routes, request)!.route, address));
    }
  }
  return meaning;
}

interface Target {
  readonly clusters?: readonly { readonly share: number; readonly endpoints: readonly { readonly address: string; readonly port: number; readonly share: number }[] }[];
}
interface Answer {
  readonly frontend?: object;
  readonly byDefault?: Target;
  readonly byRequest?: { readonly outcome: string; readonly target?: Target };
}

/** Runs `explain` in the pod, once for each list of arguments, and prints a list of its answers. */
const EXPLAIN = `const { execFileSync } = require('node:child_process');
const ask = (words) => JSON.parse(execFileSync(process.execPath, ['daemon.js', 'explain', '--json', ...words], { maxBuffer: 1 << 28 }));
console.log(JSON.stringify(JSON.parse(process.argv[1]).map(ask)));`;

/** What the maps in the kernel make of the same requests, by `explain`. An address that no listener holds has no entry. */
export function requestsInMaps(pod: string, own: string, requests: readonly Request[]): Meaning {
  const { services } = readCluster(own, true);
  const asked = requests.flatMap((request) => {
    const service = services.find(({ name }) => name === serviceName(request.service));
    return (service?.addresses ?? []).map((address) => ({ request, host: service!.host, address: at(address, service!.port) }));
  });
  const words = asked.map(({ request, host, address }) => ['--address', address, '--path', request.path, '--host', host, ...Object.entries(request.headers).flatMap(([name, value]) => ['--header', `${name}:${value}`])]);
  const answers = JSON.parse(inPod(OWN, pod, 'node', '-e', EXPLAIN, JSON.stringify(words))) as Answer[];
  const meaning = new Map<string, Shares>();
  for (const [i, { frontend, byDefault, byRequest }] of answers.entries()) {
    if (!frontend) continue;
    const shares: Record<string, number> = {};
    for (const { share, endpoints } of (byRequest?.target ?? byDefault)?.clusters ?? []) {
      for (const one of endpoints) shares[at(one.address, one.port)] = (shares[at(one.address, one.port)] ?? 0) + share * one.share;
    }
    meaning.set(keyOf(asked[i]!.address, asked[i]!.request), shares);
  }
  return meaning;
}
