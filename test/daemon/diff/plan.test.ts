// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { Test } from 'tap';
import { createImage, plan } from '../../../daemon/diff/plan.js';
import type { Image, Sweep } from '../../../daemon/diff/plan.js';
import type { Operation } from '../../../daemon/diff/operations.js';
import type { Frontend, MeshModel } from '../../../daemon/model/types.js';
import { Kernel } from './interpreter.js';
import { endpointCluster, endpoints, expected, frontend, model, random } from './models.js';

const ALL: Sweep = { frontends: true, clusters: true, shared: true };
const NONE: Sweep = { frontends: false, clusters: false, shared: true };

/** Plans, carries out, and gives what is needed for the next step. */
function step(kernel: Kernel, image: Image, to: MeshModel, sweep = ALL): { image: Image; operations: Operation[] } {
  const planned = plan(image, to, { sweep });
  for (const operation of planned.operations) kernel.apply(operation);
  return planned;
}

const summary = (operations: readonly Operation[]): string[] => operations.map((o) => (o.op === 'barrier' ? 'barrier' : `${o.op} ${o.map}`));
const toCluster = (cluster: string) => ({ kind: 'cluster', cluster }) as const;
const web = frontend('10.0.0.1', toCluster('web'));
const ten = (weights: readonly number[] = new Array<number>(10).fill(1)) => model([web], [endpointCluster('web', endpoints('10.1.0.', ...weights))]);

t.test('one endpoint costs the operations of one endpoint', (t) => {
  const uniform = (n: number, without: number[] = []) => Array.from({ length: n }, (_, i) => (without.includes(i) ? 0 : 1));
  const cases: { name: string; from: MeshModel; to: MeshModel; operations: string[] }[] = [
    { name: 'added', from: ten(uniform(10)), to: ten(uniform(11)), operations: ['put km_endpoint_state', 'put km_slot', 'put km_cluster'] },
    {
      name: 'removed from the middle',
      from: ten(uniform(10)),
      to: ten(uniform(10, [4])),
      operations: ['put km_slot', 'put km_cluster', 'barrier', 'delete km_slot', 'delete km_endpoint_state'],
    },
    {
      name: 'removed from the end (the last id keeps its counters)',
      from: ten(uniform(10)),
      to: ten(uniform(9)),
      operations: ['put km_cluster', 'barrier', 'delete km_slot'],
    },
    {
      name: 'replaced',
      from: ten(uniform(11, [4])),
      to: ten(uniform(11, [7])),
      operations: ['put km_endpoint_state', 'put km_slot', 'barrier', 'delete km_endpoint_state'],
    },
    { name: 'in another order', from: ten(), to: model([web], [endpointCluster('web', endpoints('10.1.0.', ...uniform(10)).reverse())]), operations: [] },
    { name: 'nothing', from: ten(), to: ten(), operations: [] },
  ];
  for (const { name, from, to, operations } of cases) {
    const kernel = new Kernel();
    const { image } = step(kernel, createImage(), from);
    t.same(summary(step(kernel, image, to).operations), operations, name);
  }
  t.end();
});

t.test('a new weight rewrites only the slots that differ', (t) => {
  const kernel = new Kernel();
  const { image } = step(kernel, createImage(), ten([4, 4, 4, 4, 4, 4, 4, 4, 4, 4]));
  const { operations } = step(kernel, image, ten([4, 4, 4, 4, 4, 4, 4, 4, 4, 5]));
  t.ok(operations.every((o) => o.op === 'put' && o.map === 'km_slot'), 'slots in place, nothing else');
  const again = step(kernel, createImage(kernel.contents()), ten([4, 4, 4, 4, 4, 4, 4, 4, 4, 5]));
  t.same(again.operations, []);
  t.end();
});

t.test('an endpoint that stays keeps its id, whatever its place and weight', (t) => {
  const kernel = new Kernel();
  const idOf = (address: string): number | undefined => kernel.contents().slots.find(({ value }) => value.primary.address === address)?.value.primary.endpointId;
  let { image } = step(kernel, createImage(), ten([1, 1, 1]));
  const before = idOf('10.1.0.3');
  ({ image } = step(kernel, image, ten([0, 5, 9])));
  t.equal(idOf('10.1.0.3'), before);
  ({ image } = step(kernel, image, ten([1, 1, 0])));
  ({ image } = step(kernel, image, ten([1, 1, 1])));
  t.not(idOf('10.1.0.3'), before, 'one that comes back is another one');
  t.end();
});

t.test('order: what is pointed at first when adding, last when removing', (t) => {
  const target = { kind: 'split', clusters: [{ cluster: 'a', weight: 1 }, { cluster: 'b', weight: 2 }] } as const;
  const full = model([frontend('10.0.0.1', target)], ['a', 'b'].map((name) => endpointCluster(name, endpoints('10.1.0.', 1))));
  const kernel = new Kernel();
  const built = step(kernel, createImage(), full);
  const order = (operations: readonly Operation[]) => summary(operations).filter((text, i, all) => text !== all[i - 1]);
  t.same(order(built.operations), [
    'put km_name', 'put km_cluster_state', 'put km_endpoint_state', 'put km_cluster_state', 'put km_endpoint_state', 'put km_listener_state',
    'put km_slot', 'put km_cluster', 'put km_split', 'put km_listener',
  ]);
  const emptied = step(kernel, built.image, model([], []));
  t.same(order(emptied.operations), [
    'delete km_listener', 'barrier', 'delete km_split', 'delete km_cluster', 'delete km_slot',
    'delete km_endpoint_state', 'delete km_cluster_state', 'delete km_name',
  ]);
  t.equal(kernel.size, 0, 'nothing is left');
  t.equal(kernel.states, 3, 'but the counters of the last id of each kind');
  t.end();
});

t.test('weights of a split change in place, its length by a new split', (t) => {
  const split = (...weights: number[]) => model([frontend('10.0.0.1', { kind: 'split', clusters: weights.map((weight, i) => ({ cluster: `c${i}`, weight })) })], []);
  const kernel = new Kernel();
  let { image, operations } = step(kernel, createImage(), split(80, 20));
  ({ image, operations } = step(kernel, image, split(50, 50)));
  t.same(new Set(summary(operations)), new Set(['put km_split']));
  ({ operations } = step(kernel, image, split(50, 40, 10)));
  t.same(summary(operations), ['put km_split', 'put km_split', 'put km_split', 'put km_listener', 'barrier', 'delete km_split', 'delete km_split']);
  t.end();
});

t.test('a cluster that is not there is refused as unknown, and used as soon as it comes', (t) => {
  const kernel = new Kernel();
  const only = model([web], []);
  const at = () => [...kernel.resolve(web).keys()];
  let { image } = step(kernel, createImage(), only);
  t.same(at(), ['refuse 22']);
  ({ image } = step(kernel, image, ten([1])));
  t.same(at(), ['10.1.0.1:80']);
  ({ image } = step(kernel, image, only));
  t.same(at(), ['refuse 22']);
  t.end();
});

t.test('a frontend that moves from a cluster that empties is never refused', (t) => {
  const clusters = (a: number, b: number) => [endpointCluster('a', endpoints('10.1.0.', ...new Array<number>(a).fill(1))), endpointCluster('b', endpoints('10.2.0.', ...new Array<number>(b).fill(1)))];
  const from = model([frontend('10.0.0.1', toCluster('a'))], clusters(2, 0));
  const to = model([frontend('10.0.0.1', toCluster('b'))], clusters(0, 2));
  const kernel = new Kernel();
  const { image } = step(kernel, createImage(), from);
  for (const operation of plan(image, to, { sweep: ALL }).operations) {
    kernel.apply(operation);
    t.notMatch([...kernel.resolve(web).keys()].join(), /refuse|error/);
  }
  t.end();
});

t.test('adopted entries stay until they may be swept', (t) => {
  const kernel = new Kernel();
  step(kernel, createImage(), ten([1, 1]));
  const adopted = createImage(kernel.contents());
  const empty = model([], []);
  const waiting = step(kernel, adopted, empty, NONE);
  t.same(waiting.operations, []);
  const noClusters = step(kernel, waiting.image, empty, { frontends: false, clusters: true, shared: true });
  t.same([...kernel.resolve(web).keys()], ['refuse 22'], 'a frontend that is kept leads to no cluster that is gone');
  step(kernel, noClusters.image, empty, ALL);
  t.equal(kernel.size, 0);
  t.end();
});

t.test('what an unclean stop leaves is repaired or swept', (t) => {
  const to = model(
    [web, frontend('10.0.0.2', { kind: 'split', clusters: [{ cluster: 'web', weight: 1 }, { cluster: 'b', weight: 3 }] })],
    [endpointCluster('web', endpoints('10.1.0.', 1, 2, 3)), endpointCluster('b', endpoints('10.2.0.', 1))],
  );
  const whole = new Kernel();
  const { operations } = step(whole, createImage(), to);
  const below = random(7);
  for (let round = 0; round < 200; round += 1) {
    const kernel = new Kernel();
    for (const operation of operations) if (below(10) > 0) kernel.apply(operation);
    step(kernel, createImage(kernel.contents()), to);
    for (const f of to.frontends.values()) same(t, kernel, to, f);
    if (kernel.size !== whole.size) t.fail('entries are left over', { round, size: kernel.size });
  }
  t.end();

  function same(t: Test, kernel: Kernel, to: MeshModel, f: Frontend): void {
    const got = kernel.resolve(f);
    const want = expected(f.target, to.clusters, f.family);
    if ([...want].some(([outcome, p]) => Math.abs((got.get(outcome) ?? 0) - p) > 1e-9)) t.fail('not what the model says', { got: [...got], want: [...want] });
  }
});

t.test('the last id is not given out again after a restart', (t) => {
  const kernel = new Kernel();
  const { image } = step(kernel, createImage(), ten([1, 1, 1]));
  step(kernel, image, model([], []));
  step(kernel, createImage(kernel.contents()), ten([1]));
  const [slot] = kernel.contents().slots;
  t.equal(slot?.value.primary.endpointId, 4);
  t.same(kernel.contents().states, { listeners: [2], clusters: [2], endpoints: [4] }, 'older counters are gone');
  t.end();
});

t.test('maps of another layout: counters and names go on, and stay whole while the old programs use them', (t) => {
  const kernel = new Kernel();
  const gone = endpointCluster('gone', endpoints('10.2.0.', 1));
  step(kernel, createImage(), model([web, frontend('10.0.0.2', toCluster('gone'), 'old')], [endpointCluster('web', endpoints('10.1.0.', 1)), gone]));
  const before = kernel.contents();
  const idOf = (kind: string, name: string, contents = kernel.contents()) => contents.names.find(({ key, name: found }) => key.kind === kind && found === name)?.key.id;
  for (const [name, map] of Object.entries(kernel.maps)) if (name !== 'km_name' && !name.endsWith('_state')) map.clear();
  const behind = step(kernel, createImage(kernel.contents()), model([web], [endpointCluster('web', endpoints('10.1.0.', 1))]), { ...ALL, shared: false });
  t.notOk(behind.operations.some(({ op }) => op === 'delete'), 'nothing is taken from the programs of the other layout');
  t.equal(kernel.contents().clusters[0]?.id, idOf('cluster', 'web', before), 'a cluster has the id of its name');
  t.equal(kernel.contents().frontends[0]?.value.listenerId, idOf('listener', web.listener, before), 'and so has a listener');
  t.not(kernel.contents().slots[0]?.value.primary.endpointId, before.slots[0]?.value.primary.endpointId, 'no endpoint is taken for another one');
  const grown = model([web, frontend('10.0.0.2', toCluster('gone'), 'old')], [endpointCluster('web', endpoints('10.1.0.', 1)), gone]);
  const again = step(kernel, behind.image, grown, { ...ALL, shared: false });
  t.equal(kernel.contents().clusters.find(({ id }) => id === idOf('cluster', 'gone', before))?.value.slots4, 1, 'also one that comes later');
  step(kernel, again.image, grown);
  const { clusters, listeners, endpoints: counted } = kernel.contents().states;
  t.same([clusters, listeners], [before.states.clusters, before.states.listeners], 'these go on');
  t.same(counted, [3, 4], 'and what only the old programs used is swept in the end');
  t.same(plan(createImage(kernel.contents()), grown, { sweep: ALL }).operations, []);
  t.end();
});

t.test('names that are too long stay apart and survive a restart', (t) => {
  const long = 'x'.repeat(300);
  const to = model(
    [frontend('10.0.0.1', toCluster(`${long}1`), long), frontend('10.0.0.2', toCluster(`${long}2`), `${long}2`)],
    [endpointCluster(`${long}1`, endpoints('10.1.0.', 1)), endpointCluster(`${long}2`, endpoints('10.2.0.', 1))],
  );
  const kernel = new Kernel();
  step(kernel, createImage(), to);
  t.same(plan(createImage(kernel.contents()), to, { sweep: ALL }).operations, []);
  t.equal(new Set(kernel.contents().names.map(({ key, name }) => `${key.kind} ${name}`)).size, 4);
  t.end();
});

t.test('ids that are used up are an error that says what to do', (t) => {
  const image = { ...createImage(), nextIds: { ...createImage().nextIds, endpoint: 2 ** 32 } };
  t.throws(() => plan(image, ten([1]), { sweep: ALL }), { name: 'RangeError', message: /endpoint ids are used up.*--cleanup/ });
  t.end();
});

t.test('objects that are the same are passed over at 10,000 clusters', (t) => {
  const clusters = Array.from({ length: 10_000 }, (_, i) => endpointCluster(`c${i}`, endpoints(`10.${i >> 8}.${i & 255}.`, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)));
  const frontends = clusters.map((cluster, i) => frontend(`172.16.${i >> 8}.${i & 255}`, toCluster(cluster.name), `l${i}`));
  const begun = performance.now();
  const full = plan(createImage(), model(frontends, clusters), { sweep: ALL });
  const all = performance.now() - begun;
  t.equal(full.operations.filter((o) => o.op === 'put' && o.map === 'km_slot').length, 100_000);
  const durations = Array.from({ length: 20 }, (_, i) => {
    const changed = model(frontends, clusters.with(i, endpointCluster(`c${i}`, endpoints(`10.0.${i}.`, 1, 1, 1, 1, 1, 1, 1, 1, 1))));
    const started = performance.now();
    const { operations } = plan(full.image, changed, { sweep: ALL });
    t.ok(operations.length <= 5);
    return performance.now() - started;
  });
  const median = durations.sort((a, b) => a - b)[10]!;
  t.comment(`plan of 100,000 endpoints: ${all.toFixed(0)} ms; of one among them: ${median.toFixed(2)} ms`);
  t.ok(median < all / 3, 'far less than all');
  t.end();
});
