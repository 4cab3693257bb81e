// SPDX-License-Identifier: Apache-2.0
/** How connections spread over clusters and endpoints. */
import t from 'tap';
import { enterSandbox } from '../helpers/sandbox.js';
import { connectIn, connectInOtherNamespace, holdIn, tally } from './client.js';
import { createImage, plan } from '../../daemon/diff/plan.js';
import type { Cluster } from '../../daemon/model/types.js';
import { frontend as modelFrontend, model } from '../daemon/diff/models.js';
import { cluster, frontend, split } from './mesh.js';
import { openStage, startBackend, stopBackends } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);

const MANY = 10_000;
const PORT = 80;
const a = await startBackend('a', '127.0.0.1');
const b = await startBackend('b', '127.0.0.2');
const c = await startBackend('c', '127.0.0.3');
const a6 = await startBackend('a', '::1');
const b6 = await startBackend('b', '::1');

const { dataplane, cgroup } = openStage();
t.teardown(() => dataplane.close());

/** Holds when `count` of `total` is `share` percent, give or take two points. */
const within = (count: number | undefined, total: number, share: number): boolean => Math.abs(((count ?? 0) * 100) / total - share) <= 2;

await t.test('weighted clusters share 80 to 20', async (test) => {
  await dataplane.apply([
    ...cluster(1, { v4: [a] }),
    ...cluster(2, { v4: [b] }),
    ...split(1, [{ cluster: 1, weight: 80 }, { cluster: 2, weight: 20 }]),
    ...frontend(1, '10.96.0.1', PORT, { split: 1, n: 2 }),
  ]);
  const counts = tally(await connectIn(cgroup, '-n', MANY, '10.96.0.1', PORT));
  test.ok(within(counts['a'], MANY, 80), `a has ${counts['a']} of ${MANY}`);
  test.ok(within(counts['b'], MANY, 20), `b has ${counts['b']} of ${MANY}`);
  const counters = dataplane.counters().clusters;
  test.same([counters.get(1)?.steered, counters.get(2)?.steered], [counts['a'], counts['b']], 'the counters of the clusters say the same');
});

await t.test('weighted endpoints of a round robin, three places and both families', async (test) => {
  await dataplane.apply([
    ...cluster(3, { v4: [a, b, c], weights: [70, 20, 10] }),
    ...frontend(3, '10.96.0.3', PORT, { cluster: 3 }),
    ...cluster(4, { v6: [a6, b6], weights: [80, 20] }),
    ...frontend(4, 'fd00::4', PORT, { cluster: 4 }),
  ]);
  const counts = tally(await connectIn(cgroup, '-n', MANY, '10.96.0.3', PORT));
  for (const [name, share] of [['a', 70], ['b', 20], ['c', 10]] as const) {
    test.ok(within(counts[name], MANY, share), `${name} has ${counts[name]} of ${MANY}`);
  }
  // Even in a short stretch, which is what the low-discrepancy coin is for: 20 of 100 give or take 2.
  const few = tally(await connectIn(cgroup, '-n', 100, 'fd00::4', PORT));
  test.ok(within(few['b'], 100, 20), `b has ${few['b']} of 100 over IPv6`);
});

await t.test('random draws by weight', async (test) => {
  await dataplane.apply([...cluster(5, { v4: [a, b], weights: [80, 20], lb: 'random' }), ...frontend(5, '10.96.0.5', PORT, { cluster: 5 })]);
  const counts = tally(await connectIn(cgroup, '-n', MANY, '10.96.0.5', PORT));
  test.ok(within(counts['a'], MANY, 80), `a has ${counts['a']} of ${MANY}`);
});

await t.test('round robin takes equal endpoints in turn', async (test) => {
  await dataplane.apply([...cluster(6, { v4: [a, b, c] }), ...frontend(6, '10.96.0.6', PORT, { cluster: 6 })]);
  const said = (await connectIn(cgroup, '-n', 300, '10.96.0.6', PORT)).map((connection) => connection.said);
  test.same(said, Array.from({ length: 300 }, (_, i) => 'abc'[i % 3]));
});

await t.test('least request goes around a busy endpoint', async (test) => {
  await dataplane.apply([...cluster(7, { v4: [a, b], lb: 'least_request' }), ...frontend(7, '10.96.0.7', PORT, { cluster: 7 })]);
  const held = await holdIn(cgroup, 200, '10.96.0.7', PORT);
  const even = tally(held.connections);
  test.ok(Math.abs((even['a'] ?? 0) - (even['b'] ?? 0)) <= 20, `while connections stay they spread: ${JSON.stringify(even)}`);

  // The slots now name b alone; then both again, with a's connections counted still.
  await dataplane.apply(cluster(8, { v4: [a, b], lb: 'least_request' }));
  const busy = { address: a.address, port: a.port, endpointId: 7400 };
  const idle = { address: b.address, port: b.port, endpointId: 8401 };
  await dataplane.apply([
    { op: 'put', map: 'km_slot', key: { clusterId: 8, family: 4, index: 0 }, value: { primary: busy, alias: busy, threshold: 0xffffffff } },
    { op: 'put', map: 'km_slot', key: { clusterId: 8, family: 4, index: 1 }, value: { primary: idle, alias: idle, threshold: 0xffffffff } },
    ...frontend(8, '10.96.0.8', PORT, { cluster: 8 }),
  ]);
  const counts = tally(await connectIn(cgroup, '-n', 2000, '10.96.0.8', PORT));
  // Two draws of two: the busy one is taken only when both fall on it, once in four.
  test.ok((counts['a'] ?? 0) < 0.3 * 2000, `the busy one has ${counts['a']} of 2000`);
  await held.release();
});

await t.test('a hash of the client keeps a network namespace to one endpoint', async (test) => {
  const hashed: Cluster = { kind: 'endpoints', name: 'hashed', lb: 'source_hash', maxConnections: undefined, ipv4: [a, b, c].map(({ address, port }) => ({ address, port, weight: 1 })), ipv6: [], panic: false, empty: 'no_endpoints' };
  const { operations } = plan(createImage(dataplane.read()), model([modelFrontend('10.96.0.9', { kind: 'cluster', cluster: 'hashed' })], [hashed]), { sweep: { frontends: false, clusters: false, shared: false } });
  await dataplane.apply(operations);
  test.equal(Object.keys(tally(await connectIn(cgroup, '-n', 200, '10.96.0.9', PORT))).length, 1, 'all of this namespace go to one');

  const steered = (): Map<number, number> => new Map([...dataplane.counters().endpoints].map(([id, counts]) => [id, counts.steered]));
  const chosen = new Set<number>();
  // Of 12 namespaces all take one of three endpoints with a probability of 3^-11.
  for (let i = 0; i < 12; i += 1) {
    const before = steered();
    await connectInOtherNamespace(cgroup, '-n', 20, '10.96.0.9', PORT);
    const taken = [...steered()].filter(([id, count]) => count !== before.get(id));
    test.same(taken.map(([id, count]) => count - before.get(id)!), [20], 'all of another go to one');
    chosen.add(taken[0]![0]);
  }
  test.ok(chosen.size > 1, 'namespaces spread');
});
