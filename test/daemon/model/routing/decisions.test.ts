// SPDX-License-Identifier: Apache-2.0
// 600 decisions over the routes of a real istiod, worked out by gRPC's own xDS matchers.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { createModelBuilder } from '../../../../daemon/model/build.js';
import type { Resources } from '../../../../daemon/model/resources.js';
import type { Frontend, MeshModel, Target } from '../../../../daemon/model/types.js';
import { frontendKey } from '../../../../daemon/model/types.js';
import { Route } from '../../../../daemon/proto/envoy/config/route/v3/route_components.js';
import { captures, Snapshot } from '../captures.js';
import { route } from './walk.js';
import type { Answer, Request } from './walk.js';

interface Decision {
  readonly request: Required<Request> & { readonly address: string; readonly port: number };
  readonly expect: {
    readonly routeConfig: string;
    readonly virtualHost: string;
    readonly route: number;
    readonly decidedByRegex: boolean;
    readonly action?: string;
    readonly clusters?: readonly { readonly name: string; readonly weight: number }[];
  };
}

/**
 * Wrong in the file: grpc-js puts an expression between ^ and $ without a group around it (build/src/matcher.js), so that
 * its `gold|silver` takes "golden". Envoy matches the whole value (RE2::FullMatch).
 */
const isWrong = ({ request: { headers }, expect: { virtualHost, route } }: Decision): boolean => headers['x-plan'] === 'golden' && virtualHost.startsWith('details.') && route === 10;

const decisions = (): Decision[] => Object.values(JSON.parse(readFileSync('../shared/fixtures/istiod/rich/decisions.json', 'utf8')) as Record<string, Decision>);

function frontendOf({ frontends }: MeshModel, address: string, port: number): Frontend | undefined {
  const [length, any] = address.includes(':') ? [128, '::'] : [32, '0.0.0.0'];
  return frontends.get(frontendKey({ address, prefixLength: length, port })) ?? frontends.get(frontendKey({ address: any, prefixLength: 0, port }));
}

/** What a connection comes to: without routes, or where they do not say, the default decision. */
function comesTo(model: MeshModel, { request }: Decision): { readonly frontend: Frontend | undefined; readonly answer: Answer | undefined; readonly virtualHost: string | undefined; readonly steps: number } {
  const frontend = frontendOf(model, request.address, request.port);
  if (frontend?.routes === undefined) return { frontend, answer: undefined, virtualHost: undefined, steps: 0 };
  return { frontend, ...route(model.routeTables.get(frontend.routes)!, request) };
}

function expectedTarget({ expect: { clusters = [] } }: Decision): Target | undefined {
  const arms = clusters.map(({ name, weight }) => ({ cluster: name, weight }));
  return arms.length === 1 ? { kind: 'cluster', cluster: arms[0]!.cluster } : { kind: 'split', clusters: arms };
}

t.test('the clusters that Envoy chooses', captures, (t) => {
  const model = createModelBuilder()(Snapshot.of('rich').resources);
  const counts = { routed: 0, withoutRoutes: 0, notAnswered: 0, decidedByRegex: 0, undecidable: 0 };
  let mostSteps = 0;
  for (const decision of decisions()) {
    const { expect } = decision;
    const { frontend, answer, steps } = comesTo(model, decision);
    mostSteps = Math.max(mostSteps, steps);
    if (expect.decidedByRegex) counts.decidedByRegex += 1;
    if (answer === 'undecidable') {
      counts.undecidable += 1;
      t.comment(`not decided: ${JSON.stringify(decision)}`);
    } else if (expect.action) {
      counts.notAnswered += 1;
      t.equal(answer, 'no_route', 'a redirect or a direct response takes the default decision', decision);
    } else {
      counts[answer === undefined ? 'withoutRoutes' : 'routed'] += 1;
      if (isWrong(decision)) t.same(answer, { kind: 'cluster', cluster: `outbound|9080||details.default.svc.cluster.local` }, 'the route behind it');
      else t.same(answer ?? frontend?.target, expectedTarget(decision), 'clusters', decision);
    }
  }
  t.comment(`${JSON.stringify(counts)}, at most ${mostSteps} steps`);
  t.same(counts, { routed: 485, withoutRoutes: 80, notAnswered: 35, decidedByRegex: 16, undecidable: 0 });
  t.end();
});

/** The same routes, each to a cluster of its own, so that it can be told which one was taken. */
function marked(resources: Resources): Resources {
  const mark = (host: string, at: number, route: Route): Route => Route.fromPartial({ ...route, action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: `${host} ${at}` } } } });
  const routes = [...resources.routes].map(([name, config]) => [name, { ...config, virtualHosts: [...config.virtualHosts].map((host) => ({ ...host, routes: host.routes.map((route, i) => mark(host.name, i, route)) })) }] as const);
  return { ...resources, routes: new Map(routes) };
}

t.test('the virtual host and the route that Envoy chooses', captures, (t) => {
  const model = createModelBuilder()(marked(Snapshot.of('rich').resources));
  for (const decision of decisions().filter((decision) => !isWrong(decision))) {
    const { expect } = decision;
    const { frontend, answer, virtualHost } = comesTo(model, decision);
    t.equal(frontend?.routes, expect.routeConfig);
    t.same([virtualHost, answer], [expect.virtualHost, { kind: 'cluster', cluster: `${expect.virtualHost} ${expect.route}` }], 'route', decision);
  }
  t.end();
});
