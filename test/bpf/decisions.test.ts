// SPDX-License-Identifier: Apache-2.0
/**
 * 600 decisions over the routes of a real istiod, by the route table in the running kernel: the model, the map operations, the
 * parser of request heads and the connect hook are the real ones. Each cluster has an address of its own.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { createImage, plan } from '../../daemon/diff/plan.js';
import { createModelBuilder } from '../../daemon/model/build.js';
import type { Resources } from '../../daemon/model/resources.js';
import type { Cluster, MeshModel } from '../../daemon/model/types.js';
import { Route } from '../../daemon/proto/envoy/config/route/v3/route_components.js';
import { captures, Snapshot } from '../daemon/model/captures.js';
import { enterSandbox } from '../helpers/sandbox.js';
import { startRequestClient } from './requestClient.js';
import { openStage, SIZES } from './stage.js';

await enterSandbox(import.meta.url);

interface Decision {
  readonly request: { readonly address: string; readonly port: number; readonly method: string; readonly path: string; readonly host: string; readonly headers: Readonly<Record<string, string>> };
  readonly expect: {
    readonly virtualHost: string;
    readonly route: number;
    readonly decidedByRegex: boolean;
    readonly action?: string;
    readonly clusters?: readonly { readonly name: string; readonly weight: number }[];
  };
}

/**
 * Wrong in the file: grpc-js puts an expression between ^ and $ without a group around it, so that its `gold|silver`
 * takes "golden". Envoy matches the whole value (RE2::FullMatch), and comes to the last route.
 */
const REST = { route: 16, clusters: [{ name: 'outbound|9080||details.default.svc.cluster.local', weight: 1 }] } as const;
const isWrong = ({ request, expect }: Decision): boolean => request.headers['x-plan'] === 'golden' && expect.virtualHost.startsWith('details.') && expect.route === 10;
const mended = (decision: Decision): Decision => (isWrong(decision) ? { ...decision, expect: { ...decision.expect, ...REST } } : decision);

/** One server for all addresses below 127: it says which of them it was reached by. */
const server = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.end(`${socket.localAddress}\n`);
});
server.listen(0, '0.0.0.0', 4096);
await once(server, 'listening');
t.teardown(() => server.close());
const { port } = server.address() as AddressInfo;

const addressOf = (i: number): string => `127.1.${i >> 8}.${i & 255}`;

/** The model with its clusters at addresses that tell them apart. */
function placed(model: MeshModel): { readonly model: MeshModel; readonly nameOf: ReadonlyMap<string, string> } {
  const nameOf = new Map<string, string>();
  const clusters = new Map<string, Cluster>();
  for (const [i, [name, cluster]] of [...model.clusters].entries()) {
    nameOf.set(addressOf(i), name);
    const here = [{ address: addressOf(i), port, weight: 1 }];
    clusters.set(name, cluster.kind === 'endpoints' ? { ...cluster, ipv4: here, ipv6: [], maxConnections: undefined } : cluster);
  }
  return { model: { ...model, clusters }, nameOf };
}

function head({ method, path, host, headers }: Decision['request']): string {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

interface Answer {
  /** The cluster's name; an errno where there is no connection. */
  readonly went: string;
  readonly event: string | undefined;
}

/** What each of the decisions comes to in the kernel. */
async function decide(test: Test, unplaced: MeshModel, decisions: readonly Decision[]): Promise<Answer[]> {
  const { model, nameOf } = placed(unplaced);
  const sizes = { ...SIZES, listeners: 2000, clusters: 1000, splits: 1000, virtualHosts: 1000, domains: 10_000 };
  const { dataplane, cgroup } = openStage({ sizes });
  test.teardown(() => dataplane.close());
  await dataplane.apply(plan(createImage(dataplane.read()), model, { sweep: { frontends: true, clusters: true, shared: true } }).operations);
  const client = startRequestClient(cgroup);
  const answers: Answer[] = [];
  for (const { request } of decisions) {
    const before = dataplane.counters().l7;
    const [connection] = await client.connect(request.address, request.port, head(request));
    const event = Object.entries(dataplane.counters().l7).find(([name, count]) => count !== before[name as keyof typeof before])?.[0];
    answers.push({ went: connection!.errno === 'OK' ? (nameOf.get(connection!.said) ?? connection!.said) : connection!.errno, event });
  }
  await client.close();
  return answers;
}

const decisions = (): Decision[] => Object.values(JSON.parse(readFileSync('../shared/fixtures/istiod/rich/decisions.json', 'utf8')) as Record<string, Decision>).map(mended);

/** Where connections to a cluster go that is no cluster of its own: on, to an address that this namespace has no way to. */
const ON = 'ENETUNREACH';
const outcome = (name: string, { clusters }: MeshModel): string => {
  const cluster = clusters.get(name);
  if (cluster === undefined) return 'ECONNREFUSED';
  return cluster.kind === 'endpoints' ? name : cluster.kind === 'pass' ? ON : 'ECONNREFUSED';
};

t.test('the clusters that Envoy chooses', captures, async (t) => {
  const model = createModelBuilder()(Snapshot.of('rich').resources);
  const all = decisions();
  const answers = await decide(t, model, all);
  const counts: Record<string, number> = { decidedByRegex: all.filter(({ expect }) => expect.decidedByRegex).length };
  for (const [i, { request, expect }] of all.entries()) {
    const { went, event = 'withoutRoutes' } = answers[i]!;
    counts[event] = (counts[event] ?? 0) + 1;
    if (expect.action) {
      t.equal(event, 'no_route', 'a redirect or a direct response takes the default decision', { request, expect });
    } else {
      const possible = (expect.clusters ?? []).filter(({ weight }) => weight > 0).map(({ name }) => outcome(name, model));
      t.ok(possible.includes(went), 'cluster', { request, expect, went, event });
    }
  }
  t.comment(JSON.stringify(counts));
  t.same(counts, { decidedByRegex: 16, routed: 485, no_route: 35, withoutRoutes: 80 });
});

/** The same routes, each to a cluster of its own, so that it can be told which one was taken. */
function marked(resources: Resources, model: MeshModel): MeshModel {
  const names = new Set<string>();
  const routes = [...resources.routes].map(([name, config]) => {
    const virtualHosts = [...config.virtualHosts].map((host) => ({
      ...host,
      routes: host.routes.map((route, i) => {
        const cluster = `${host.name} ${i}`;
        names.add(cluster);
        return Route.fromPartial({ ...route, action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: cluster } } } });
      }),
    }));
    return [name, { ...config, virtualHosts }] as const;
  });
  const some = [...model.clusters.values()].find((cluster) => cluster.kind === 'endpoints')!;
  const clusters = new Map([...names].map((name) => [name, { ...some, name }]));
  return { ...createModelBuilder()({ ...resources, routes: new Map(routes) }), clusters };
}

t.test('the virtual host and the route that Envoy chooses', captures, async (t) => {
  const { resources } = Snapshot.of('rich');
  const all = decisions();
  const answers = await decide(t, marked(resources, createModelBuilder()(resources)), all);
  for (const [i, { request, expect }] of all.entries()) {
    t.same(answers[i], { went: `${expect.virtualHost} ${expect.route}`, event: 'routed' }, 'route', { request, expect });
  }
});
