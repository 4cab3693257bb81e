// SPDX-License-Identifier: Apache-2.0
// Answers from the maps that are written for a small mesh.
import t from 'tap';
import { createImage, plan } from '../../../daemon/diff/plan.js';
import { explainAddress } from '../../../daemon/explain/address.js';
import { readQuestion } from '../../../daemon/explain/question.js';
import { answerText } from '../../../daemon/explain/text.js';
import type { Counters } from '../../../daemon/maps/dataplane.js';
import { createModelBuilder } from '../../../daemon/model/build.js';
import type { Cluster, MeshModel } from '../../../daemon/model/types.js';
import { Kernel } from '../diff/interpreter.js';
import { endpointCluster, endpoints, frontend, model, random, randomModel, REQUESTS } from '../diff/models.js';
import { expectedOfRequest } from '../diff/requests.js';
import { eds, assignment, at, lbEndpoint, listener, prefixRoute, rds, resources, routeTable, virtualHost } from '../model/protos.js';

const SWEEP = { frontends: true, clusters: true, shared: true };
const NO_COUNTERS = { listeners: new Map(), clusters: new Map(), endpoints: new Map(), reasons: {}, l7: {} } as unknown as Counters;

function kernelOf(mesh: MeshModel): Kernel {
  const kernel = new Kernel();
  for (const operation of plan(createImage(), mesh, { sweep: SWEEP }).operations) kernel.apply(operation);
  return kernel;
}

const ask = (mesh: MeshModel, question: Parameters<typeof readQuestion>[0], counters = NO_COUNTERS) => explainAddress(kernelOf(mesh).contents(), counters, readQuestion(question));

const shop = createModelBuilder()(
  resources({
    listeners: [listener({ name: '0.0.0.0_80', address: at('0.0.0.0', 80), filterChains: [{ filters: [rds('80')] }] })],
    routes: [
      routeTable('80', [
        virtualHost(['shop', '*.shop'], [prefixRoute('/v2', 'v2', { match: { headers: [{ name: 'x-user', headerMatchSpecifier: { $case: 'stringMatch', value: { matchPattern: { $case: 'safeRegex', value: { regex: 'j[^n]+n' } } } } }] } }), prefixRoute('/old', '', { action: { $case: 'redirect', value: {} } }), prefixRoute('/', 'v1')], 'shop:80'),
      ]),
    ],
    clusters: [eds('v1'), eds('v2')],
    endpoints: [assignment('v1', { lbEndpoints: [lbEndpoint('10.0.0.1', 80), lbEndpoint('10.0.0.2', 80)] }), assignment('v2', { lbEndpoints: [lbEndpoint('10.0.0.3', 80)] })],
  }),
);

t.test('a request: virtual host, domain, steps, route, cluster, endpoints', async (t) => {
  const answer = ask(shop, { address: '10.96.0.7:80', host: 'a.shop', path: '/v2/x', header: ['x-user: jason'] });
  t.match(answer.frontend, { listener: '0.0.0.0_80', address: '0.0.0.0', prefixLength: 0, port: 80 });
  t.match(answer.byRequest, { table: '80', virtualHost: 'shop:80', domain: '*.shop', outcome: 'routed' });
  t.match(answer.byRequest?.target, { clusters: [{ cluster: 'v2', share: 1, outcome: 'steered', policy: 'round_robin', endpoints: [{ address: '10.0.0.3', port: 80, share: 1 }] }] });
  t.equal(ask(shop, { address: '10.96.0.7:80', host: 'shop', path: '/v2', header: ['x-user: jnn'] }).byRequest?.target?.kind, 'clusters');
  const other = ask(shop, { address: '10.96.0.7:80', host: 'shop', path: '/v2' });
  t.match(other.byRequest?.target, { clusters: [{ cluster: 'v1', endpoints: [{ share: 0.5 }, { share: 0.5 }] }] });
});

t.test('why a request is not routed', async (t) => {
  t.match(ask(shop, { address: '10.96.0.7:80', host: 'other' }).byRequest, { outcome: 'no_virtual_host', target: undefined });
  t.match(ask(shop, { address: '10.96.0.7:80', host: 'shop', path: '/old' }).byRequest, { outcome: 'no_route', virtualHost: 'shop:80' });
  t.match(ask(shop, { address: '10.96.0.7:81', host: 'shop' }), { frontend: undefined, byDefault: undefined });
  t.match(ask(shop, { address: '127.0.0.1:80' }), { frontend: undefined }, 'no wildcard holds loopback');
});

const endpointsOf = (name: string, more: Partial<Extract<Cluster, { kind: 'endpoints' }>> = {}): Cluster => ({ ...(endpointCluster(name, endpoints('10.1.0.', 3, 1)) as Extract<Cluster, { kind: 'endpoints' }>), ...more });

t.test('what stands in the way of a connection', async (t) => {
  const mesh = model(
    [
      frontend('10.0.0.1', { kind: 'split', clusters: [{ cluster: 'a', weight: 3 }, { cluster: 'gone', weight: 1 }] }),
      frontend('10.0.0.2', { kind: 'cluster', cluster: 'full' }),
      frontend('10.0.0.3', { kind: 'cluster', cluster: 'six' }),
      frontend('10.0.0.4', { kind: 'refuse', reason: 'weights_zero' }),
      frontend('10.0.0.5', { kind: 'cluster', cluster: 'ill' }),
    ],
    [endpointsOf('a'), endpointsOf('full', { maxConnections: 5 }), endpointCluster('six', [], endpoints('fd00::', 1)), endpointsOf('ill', { ipv4: [], empty: 'all_unhealthy' })],
  );
  const kernel = kernelOf(mesh);
  const contents = kernel.contents();
  const full = contents.names.find(({ name }) => name === 'full')!.key.id;
  const counters = { ...NO_COUNTERS, clusters: new Map([[full, { active: 5, steered: 9, refused: 1 }]]) };
  const of = (address: string) => explainAddress(contents, counters, readQuestion({ address })).byDefault;
  t.match(of('10.0.0.1:80'), { clusters: [{ cluster: 'a', share: 0.75, outcome: 'steered', endpoints: [{ share: 0.75 }, { share: 0.25 }] }, { cluster: 'unknown', share: 0.25, outcome: 'cluster_unknown', endpoints: [] }] });
  t.match(of('10.0.0.2:80'), { clusters: [{ outcome: 'max_connections', active: 5, maxConnections: 5 }] });
  t.match(of('10.0.0.3:80'), { clusters: [{ outcome: 'family_mismatch' }] });
  t.match(of('10.0.0.4:80'), { kind: 'refuse', reason: 'weights_zero' });
  t.match(of('10.0.0.5:80'), { clusters: [{ outcome: 'all_unhealthy' }] });
});

t.test('in lines for people', async (t) => {
  const question = readQuestion({ address: '10.96.0.7:80', host: 'shop', path: '/v2', header: ['x-user: jason'] });
  const answer = explainAddress(kernelOf(shop).contents(), NO_COUNTERS, question);
  const text = answerText(question, answer, undefined);
  for (const line of [/^connection +to 10\.96\.0\.7:80, GET \/v2 Host: shop; x-user: jason$/m, /^listener +0\.0\.0\.0_80, by 0\.0\.0\.0\/0 port 80$/m, /^virtual host +shop:80, by its domain shop$/m, /^steps +0: field path: "\/v2"$/m, /matches automaton 1: yes$/m, /^route +to one cluster$/m, /^cluster +100\.0 %, v2, endpoints in turn/m, /^endpoint +100\.0 %, 10\.0\.0\.3:80/m]) t.match(text, line);
  const off = answerText(question, answer, 'kmesh.ko is not loaded');
  t.match(off, /would be routed by table 80, but kmesh\.ko is not loaded/);
  t.match(off, /^default +goes on to 10\.96\.0\.7:80 \(passthrough\)$/m, 'what happens without it');
  t.notMatch(off, /v2, endpoints/);
});

t.test('random meshes: the same endpoints, in the same parts, as the maps give', async (t) => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const mesh = randomModel(random(seed));
    const contents = kernelOf(mesh).contents();
    for (const f of mesh.frontends.values()) {
      if (f.prefixLength === 0) continue;
      for (const sent of REQUESTS) {
        const address = f.family === 6 ? `[${f.address}]:80` : `${f.address}:80`;
        const { byRequest, byDefault } = explainAddress(contents, NO_COUNTERS, readQuestion({ address, host: sent.host, path: sent.path }));
        const target = byRequest?.target ?? byDefault!;
        const parts = new Map<string, number>();
        for (const { share, endpoints: all } of target.kind === 'clusters' ? target.clusters : []) for (const { address: ip, port, share: part } of all) parts.set(`${ip}:${port}`, (parts.get(`${ip}:${port}`) ?? 0) + share * part);
        const want = [...expectedOfRequest(f, mesh.routeTables, mesh.clusters, sent)].filter(([outcome]) => !/^(pass|refuse)/.test(outcome));
        const same = want.length === parts.size && want.every(([outcome, part]) => Math.abs((parts.get(outcome) ?? 0) - part) < 1e-6);
        if (!same) t.fail('another answer', { seed, address, sent, want, parts: [...parts] });
      }
    }
  }
  t.pass('held');
});
