// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createImage, plan } from '../../../daemon/diff/plan.js';
import type { Image, Sweep } from '../../../daemon/diff/plan.js';
import type { Operation } from '../../../daemon/diff/operations.js';
import type { HostDomain, RoutedHost, RouteProgram, RouteStep, RouteTable } from '../../../daemon/model/routeTable.js';
import type { MeshModel, Target } from '../../../daemon/model/types.js';
import { Kernel } from './interpreter.js';
import { endpointCluster, endpoints, frontend, model, random, randomModel, REQUESTS } from './models.js';
import { expectedOfRequest, resolveRequest } from './requests.js';

const ALL: Sweep = { frontends: true, clusters: true, shared: true };
const KEEP: Sweep = { frontends: false, clusters: true, shared: true };

function step(kernel: Kernel, image: Image, to: MeshModel, sweep = ALL): { image: Image; operations: Operation[] } {
  const planned = plan(image, to, { sweep });
  for (const operation of planned.operations) kernel.apply(operation);
  return planned;
}

/** Operations by kind, neighbours that are alike as one. */
const summary = (operations: readonly Operation[]): string[] =>
  operations.map((o) => (o.op === 'barrier' ? 'barrier' : `${o.op} ${o.map}`)).filter((text, i, all) => text !== all[i - 1]);

const toCluster = (cluster: string): Target => ({ kind: 'cluster', cluster });
const weighted = (...weights: number[]): Target => ({ kind: 'split', clusters: weights.map((weight, i) => ({ cluster: 'ab'[i]!, weight })) });

/** `/p` and what begins so leads to `target`, all else nowhere. */
const prefix = (target: Target): RouteProgram => ({
  steps: [
    { op: 'field', field: 'path', then: 1, otherwise: 3 },
    { op: 'compare', bytes: Buffer.from('/p'), offset: 0, fromEnd: false, ignoreCase: false, then: 2, otherwise: 3 },
    { op: 'target', target },
    { op: 'default', why: 'no_route' },
  ],
});
const only = (target: Target): RouteProgram => ({ steps: [{ op: 'target', target }] });
const exact = (...texts: string[]): HostDomain[] => texts.map((text) => ({ kind: 'exact', text }));
const host = (name: string, domains: readonly HostDomain[], program: RouteProgram): RoutedHost => ({ name, domains, program });
const table = (virtualHosts: readonly RoutedHost[], more: Partial<RouteTable> = {}): RouteTable => ({ name: 't', ignorePort: false, virtualHosts, ...more });

const A = endpointCluster('a', endpoints('10.1.0.', 1));
const B = endpointCluster('b', endpoints('10.2.0.', 1));
const web = frontend('10.0.0.1', { kind: 'pass', reason: 'passthrough' }, 'l', 80, 't');
const mesh = (virtualHosts: readonly RoutedHost[], clusters = [A, B], more: Partial<RouteTable> = {}): MeshModel => model([web], clusters, [table(virtualHosts, more)]);
const ask = (kernel: Kernel, name: string, path = '/p'): string[] => [...resolveRequest(kernel, web, { host: name, path }).keys()];

const CHANGES: readonly { name: string; from: readonly RoutedHost[]; to: readonly RoutedHost[]; operations: readonly string[] }[] = [
  {
    name: 'a route changes',
    from: [host('h', exact('x', 'y'), prefix(toCluster('a')))],
    to: [host('h', exact('y', 'x'), prefix(toCluster('b')))],
    operations: ['put km_step', 'put km_vhost', 'barrier', 'delete km_step'],
  },
  {
    name: 'weights change',
    from: [host('h', exact('x'), prefix(weighted(80, 20)))],
    to: [host('h', exact('x'), prefix(weighted(50, 50)))],
    operations: ['put km_split'],
  },
  {
    name: 'a weighted route gets another arm',
    from: [host('h', exact('x'), only(toCluster('a')))],
    to: [host('h', exact('x'), only(weighted(50, 50)))],
    operations: ['put km_split', 'put km_step', 'put km_vhost', 'barrier', 'delete km_step'],
  },
  {
    name: 'a virtual host comes',
    from: [host('h', exact('x'), prefix(toCluster('a')))],
    to: [host('h', exact('x'), prefix(toCluster('a'))), host('i', exact('y'), only(toCluster('b')))],
    operations: ['put km_name', 'put km_step', 'put km_vhost', 'put km_domain'],
  },
  {
    name: 'a virtual host goes',
    from: [host('h', exact('x'), prefix(toCluster('a'))), host('i', [{ kind: 'suffix', text: '.x' }], only(weighted(1, 1)))],
    to: [host('h', exact('x'), prefix(toCluster('a')))],
    operations: ['delete km_wild', 'barrier', 'delete km_vhost', 'delete km_step', 'delete km_split', 'delete km_name'],
  },
  {
    name: 'a domain moves',
    from: [host('h', exact('x', 'y'), prefix(toCluster('a'))), host('i', exact('z'), only(toCluster('b')))],
    to: [host('h', exact('x'), prefix(toCluster('a'))), host('i', exact('z', 'y'), only(toCluster('b')))],
    operations: ['put km_domain'],
  },
  {
    name: '* comes',
    from: [host('h', exact('x'), only(toCluster('a')))],
    to: [host('h', [...exact('x'), { kind: 'any', text: '' }], only(toCluster('a')))],
    operations: ['put km_routes'],
  },
  { name: 'the same in other words', from: [host('h', exact('x'), prefix(weighted(80, 20)))], to: [host('h', exact('x'), prefix(weighted(80, 20)))], operations: [] },
];

for (const { name, from, to, operations } of CHANGES) {
  t.test(`${name}: that and nothing else is written`, async (t) => {
    const kernel = new Kernel();
    const { image } = step(kernel, createImage(), mesh(from));
    t.same(summary(step(kernel, image, mesh(to)).operations), operations);
    const again = new Kernel();
    step(again, createImage(), mesh(from));
    t.same(summary(step(again, createImage(again.contents()), mesh(to)).operations), operations, 'also after a restart');
  });
}

t.test('order: what is pointed at first when adding, last when removing', async (t) => {
  const kernel = new Kernel();
  const full = mesh([host('h', [...exact('x'), { kind: 'prefix', text: 'x' }, { kind: 'suffix', text: 'x' }], only(weighted(1, 2)))]);
  const built = step(kernel, createImage(), full);
  t.same(summary(built.operations).slice(-8), ['put km_cluster', 'put km_split', 'put km_step', 'put km_vhost', 'put km_domain', 'put km_wild', 'put km_routes', 'put km_listener']);
  t.same(built.operations.flatMap((o) => (o.op === 'put' && o.map === 'km_wild' ? [o.key.kind] : [])), ['suffix', 'prefix'], 'as they are looked up');
  const emptied = step(kernel, built.image, model([], []));
  t.same(summary(emptied.operations).slice(0, 9), ['delete km_listener', 'barrier', 'delete km_routes', 'delete km_domain', 'delete km_wild', 'delete km_vhost', 'delete km_step', 'delete km_split', 'delete km_cluster']);
  t.equal(kernel.size, 0, 'nothing is left');
});

t.test('a cluster that comes or goes is another target, and a frontend follows its table', async (t) => {
  const kernel = new Kernel();
  const hosts = [host('h', exact('x'), only(toCluster('a')))];
  let { image } = step(kernel, createImage(), mesh(hosts, []));
  t.same(ask(kernel, 'x'), ['refuse 22']);
  ({ image } = step(kernel, image, mesh(hosts)));
  t.same(ask(kernel, 'x'), ['10.1.0.1:80']);
  ({ image } = step(kernel, image, model([web], [A, B])));
  t.same(ask(kernel, 'x'), ['pass 12'], 'without a table the default decision');
  ({ image } = step(kernel, image, mesh(hosts)));
  t.same(ask(kernel, 'x'), ['10.1.0.1:80']);
  step(kernel, image, mesh(hosts, [A, B], { ignorePort: true }));
  t.same(ask(kernel, 'x:81'), ['10.1.0.1:80'], 'a table that begins to ignore ports');
});

t.test('adopted tables stay until they may be swept, without the clusters that go', async (t) => {
  const kernel = new Kernel();
  step(kernel, createImage(), mesh([host('h', exact('x'), prefix(toCluster('a'))), host('i', exact('y'), only(weighted(1, 1)))]));
  const waiting = step(kernel, createImage(kernel.contents()), model([], [B]), KEEP);
  t.same([ask(kernel, 'x'), ask(kernel, 'y').sort()], [['refuse 22'], ['10.2.0.1:80', 'refuse 22']]);
  t.same(step(kernel, createImage(kernel.contents()), model([], [B]), KEEP).operations, [], 'once');
  step(kernel, waiting.image, model([], []), ALL);
  t.equal(kernel.size, 0);
});

t.test('a kept frontend goes on with the table that replaces its own', async (t) => {
  const kernel = new Kernel();
  const hosts = [host('h', exact('x'), only(toCluster('a')))];
  step(kernel, createImage(), mesh(hosts));
  step(kernel, createImage(kernel.contents()), model([], [A, B], [table(hosts, { ignorePort: true })]), KEEP);
  t.same(ask(kernel, 'x:81'), ['10.1.0.1:80']);
});

t.test('what an unclean stop leaves is repaired or swept', async (t) => {
  const below = random(11);
  for (let round = 0; round < 300; round += 1) {
    const to = randomModel(below);
    const whole = new Kernel();
    const { operations } = step(whole, createImage(), to);
    const kernel = new Kernel();
    for (const operation of operations) if (below(10) > 0) kernel.apply(operation);
    step(kernel, createImage(kernel.contents()), to);
    for (const f of to.frontends.values()) {
      for (const request of REQUESTS) {
        const [got, want] = [resolveRequest(kernel, f, request), expectedOfRequest(f, to.routeTables, to.clusters, request)];
        if ([...want].some(([outcome, p]) => Math.abs((got.get(outcome) ?? 0) - p) > 1e-9)) t.fail('not what the model says', { round, request, got: [...got], want: [...want] });
      }
    }
    if (kernel.size !== whole.size) t.fail('entries are left over', { round, size: kernel.size, whole: whole.size });
  }
});

t.test('hosts that Envoy would refuse do no harm: one domain twice, one name twice, no domain', async (t) => {
  const kernel = new Kernel();
  const twice = mesh([host('h', exact('x'), only(toCluster('a'))), host('h', exact('x', 'y'), only(toCluster('b'))), host('none', [], only(toCluster('b')))]);
  step(kernel, createImage(), twice);
  t.same([ask(kernel, 'x'), ask(kernel, 'y')], [['10.1.0.1:80'], ['10.2.0.1:80']]);
  t.same(plan(createImage(kernel.contents()), twice, { sweep: ALL }).operations, []);
});

t.test('one route among those of 1,000 services with a dozen domains each', async (t) => {
  const services = Array.from({ length: 1000 }, (_, i) => host(`s${i}`, exact(...Array.from({ length: 12 }, (_, d) => `s${i}.d${d}`)), prefix(toCluster('a'))));
  const full = plan(createImage(), mesh(services), { sweep: ALL });
  t.equal(full.operations.filter((o) => o.op === 'put' && o.map === 'km_domain').length, 12_000);
  for (let i = 0; i < 20; i++) {
    const changed = mesh(services.with(i, host(`s${i}`, services[i]!.domains, prefix(toCluster('b')))));
    t.same(summary(plan(full.image, changed, { sweep: ALL }).operations), ['put km_step', 'put km_vhost', 'barrier', 'delete km_step']);
  }
});

t.test('steps are compared by what they say', async (t) => {
  const variants: readonly RouteStep[] = [
    { op: 'header', name: 'a', then: 1, otherwise: 1 },
    { op: 'param', name: 'a', then: 1, otherwise: 1 },
    { op: 'header', name: 'b', then: 1, otherwise: 1 },
    { op: 'header', name: 'b', then: 1, otherwise: 2 },
    { op: 'contains', bytes: Buffer.from('a'), ignoreCase: false, then: 1, otherwise: 1 },
    { op: 'contains', bytes: Buffer.from('b'), ignoreCase: false, then: 1, otherwise: 1 },
    { op: 'contains', bytes: Buffer.from('b'), ignoreCase: true, then: 1, otherwise: 1 },
    { op: 'range', start: 1n, end: 2n, then: 1, otherwise: 1 },
    { op: 'range', start: 1n, end: 3n, then: 1, otherwise: 1 },
    { op: 'length', is: 'exactly', bytes: 3, then: 1, otherwise: 1 },
    { op: 'length', is: 'at_least', bytes: 3, then: 1, otherwise: 1 },
  ];
  const end: readonly RouteStep[] = [{ op: 'default', why: 'no_route' }, { op: 'default', why: 'undecidable' }];
  const kernel = new Kernel();
  let { image } = step(kernel, createImage(), model([], []));
  for (const variant of [...variants, ...variants]) {
    const planned = step(kernel, image, mesh([host('h', exact('x'), { steps: [variant, ...end] })]));
    t.ok(planned.operations.length > 0, variant.op);
    image = planned.image;
    t.same(step(kernel, image, mesh([host('h', exact('x'), { steps: [{ ...variant }, ...end] })])).operations, [], 'the same once more');
  }
});

t.test('60,000 hosts of one name', async (t) => {
  const hosts = Array.from({ length: 60_000 }, (_, i) => host('h', exact(`x${i}`), only(toCluster('a'))));
  const { operations } = plan(createImage(), mesh(hosts), { sweep: ALL });
  const names = operations.flatMap((o) => (o.op === 'put' && o.map === 'km_name' && o.key.kind === 'vhost' ? [o.value] : []));
  t.same([names[0], names[1], names.at(-1)], ['t h', 't h (2)', 't h (60000)']);
});

t.test('maps with 300,000 domains of one virtual host, and with 150,000 steps that no domain leads to, are adopted', async (t) => {
  const domains = Array.from({ length: 300_000 }, (_, i) => ({ key: { routes: 1, kind: 'exact' as const, text: `x${i}` }, vhost: 1 }));
  const steps = Array.from({ length: 150_000 }, (_, index) => ({ key: { program: 2, index }, op: 'empty' as const, value: { op: 'empty' as const, then: index + 1, otherwise: index + 1 } }));
  const image = createImage({ ...new Kernel().contents(), routes: [{ id: 1, value: { any: 0, ignorePort: false } }], domains, vhosts: [{ id: 2, value: { program: 2, n: steps.length } }], steps });
  t.equal([...image.routeTables.values()].flatMap(({ vhosts }) => [...vhosts.values()])[0]?.domains.length, domains.length);
  t.equal(image.orphans.filter((o) => o.op === 'delete' && o.map === 'km_step').length, steps.length, 'they go with the next plan');
});
