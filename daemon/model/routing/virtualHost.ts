// SPDX-License-Identifier: Apache-2.0
import type { Route, VirtualHost } from '../../proto/envoy/config/route/v3/route_components.js';
import type { Listing } from '../notEnforced.js';
import { listVirtualHost } from '../routeFeatures.js';
import { MAX_WALK } from '../routeTable.js';
import type { RouteProgram } from '../routeTable.js';
import type { Slices } from '../slices.js';
import type { Target } from '../types.js';
import { longestWalk } from './graph.js';
import { readDomains } from './hostDomains.js';
import type { ReadDomain } from './hostDomains.js';
import { outcomeOf } from './outcome.js';
import { PackedProgram } from './packed.js';
import { programOf } from './program.js';
import type { CompiledRoute } from './program.js';
import { conditionsOf, fulfilledByAll } from './routeMatch.js';

/** What was made of a virtual host. */
export interface BuiltHost {
  readonly domains: readonly ReadDomain[];
  readonly program: RouteProgram;
  /** All that its routes lead to, each once. */
  readonly targets: readonly Target[];
  /** Of the route that takes every request, if there is one and it leads to a cluster: what connections get whose request is not read. */
  readonly catchAll: { readonly target: Target | undefined } | undefined;
}

/**
 * @param before the program that was made of it the last time. A route table is sent as a whole when one of its virtual
 * hosts changes; the others keep their programs, so that no step of them is written again.
 */
export function* buildHost(proto: VirtualHost, path: string, before: RouteProgram | undefined, findings: Listing): Slices<BuiltHost> {
  listVirtualHost(proto, path, findings);
  const domains = readDomains(proto.domains, path, findings);
  const routes = proto.matcher ? [] : yield* readRoutes(proto.routes, path, findings);
  const made = proto.matcher ? ofMatcherTree(path, findings) : programOf(routes);
  const packed = new PackedProgram(made);
  const program = before instanceof PackedProgram && before.equals(packed) ? before : packed;
  if (longestWalk(made) > MAX_WALK) findings.once('long_program', path, `requests for which more than ${MAX_WALK} steps do not find the route take the default decision of their address`);
  const { targets } = packed;
  const catchAll = routes.find(({ conditions }) => fulfilledByAll(conditions));
  if (targets.length > 1 || (targets.length === 1 && !catchAll)) listKeepAlive(path, findings);
  return { domains, program, targets, catchAll: catchAll && { target: catchAll.outcome.kind === 'target' ? catchAll.outcome.target : undefined } };
}

/** One by one: a route may hold an expression, of which an automaton is made. */
function* readRoutes(routes: readonly Route[], path: string, findings: Listing): Slices<CompiledRoute[]> {
  const read: CompiledRoute[] = [];
  for (const [i, route] of routes.entries()) {
    const at = `${path}.routes[${i}]`;
    read.push({ conditions: conditionsOf(route.match, `${at}.match`, findings), outcome: outcomeOf(route, at, findings) });
    yield;
  }
  return read;
}

function ofMatcherTree(path: string, findings: Listing): RouteProgram {
  findings.once('virtual_host_matcher', path, 'routes are not chosen by a matcher tree: requests take the default decision of their address');
  return { steps: [{ op: 'default', why: 'undecidable' }] };
}

function listKeepAlive(path: string, findings: Listing): void {
  findings.once(
    'keep_alive',
    path,
    'a connection stays where its first request was routed; for each request to be routed, clients send Connection: close, or routes get host names of their own',
  );
}
