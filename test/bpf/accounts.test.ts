// SPDX-License-Identifier: Apache-2.0
/** Active connections: counted while they are there, never above max_connections, none left behind. */
import fs from 'node:fs';
import t from 'tap';
import { enterSandbox } from '../helpers/sandbox.js';
import { connectIn, holdIn, tally, type HeldConnections } from './client.js';
import { cluster, endpointId, frontend } from './mesh.js';
import { openStage, startBackend, stopBackends, until } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);

const PORT = 80;
const a = await startBackend('a', '127.0.0.1');
const original = await startBackend('original', '127.0.0.9');
const { dataplane, cgroup } = openStage();
t.teardown(() => dataplane.close());

const active = (id: number): number | undefined => dataplane.counters().clusters.get(id)?.active;
const endpointActive = (id: number): number | undefined => dataplane.counters().endpoints.get(endpointId(id, 4, 0))?.active;
const MAX = 20;

/** Limit of the memory of socket options and storages; newer kernels have one for each network namespace. */
const OPTMEM_MAX = '/proc/sys/net/core/optmem_max';

await t.test('max_connections holds, and a place that is given back is taken again', async (test) => {
  await dataplane.apply([...cluster(1, { v4: [a], max: 3 }), ...frontend(1, '10.96.0.1', PORT, { cluster: 1 })]);
  const held = await holdIn(cgroup, 5, '10.96.0.1', PORT);
  test.same(tally(held.connections), { a: 3, ECONNREFUSED: 2 });
  test.equal(active(1), 3);
  test.equal(endpointActive(1), 3);
  await held.release();
  await until('all places are given back', () => active(1) === 0 && endpointActive(1) === 0);
  test.same(tally(await connectIn(cgroup, '10.96.0.1', PORT)), { a: 1 });
});

await t.test('max_connections holds when clients compete for the last places', async (test) => {
  await dataplane.apply([...cluster(2, { v4: [a], max: MAX }), ...frontend(2, '10.96.0.2', PORT, { cluster: 2 })]);
  const clients = await Promise.all(Array.from({ length: 8 }, () => holdIn(cgroup, 40, '10.96.0.2', PORT)));
  const counts = tally(clients.flatMap((client: HeldConnections) => client.connections));
  test.same(counts, { a: MAX, ECONNREFUSED: 8 * 40 - MAX });
  test.equal(active(2), MAX);
  await Promise.all(clients.map((client) => client.release()));
  await until('all places are given back', () => active(2) === 0 && endpointActive(2) === 0);
});

await t.test('a limit that is lowered, and one that is lifted, count from then on', async (test) => {
  await dataplane.apply([...cluster(3, { v4: [a], max: 5 }), ...frontend(3, '10.96.0.3', PORT, { cluster: 3 })]);
  const held = await holdIn(cgroup, 4, '10.96.0.3', PORT);
  await dataplane.apply(cluster(3, { v4: [a], max: 2 }));
  test.same(tally(await connectIn(cgroup, '10.96.0.3', PORT)), { ECONNREFUSED: 1 });
  await dataplane.apply(cluster(3, { v4: [a] }));
  test.same(tally(await connectIn(cgroup, '10.96.0.3', PORT)), { a: 1 });
  await held.release();
});

await t.test('connections that fail before and after their SYN leave nothing behind', async (test) => {
  const closed = { name: 'closed', address: '127.0.0.1', port: 1 };
  const away = { name: 'away', address: '10.99.0.1', port: PORT };
  await dataplane.apply([
    ...cluster(4, { v4: [closed], max: 1 }),
    ...frontend(4, '10.96.0.4', PORT, { cluster: 4 }),
    ...cluster(5, { v4: [away], max: 1 }),
    ...frontend(5, '10.96.0.5', PORT, { cluster: 5 }),
  ]);
  // With a leak the second would be refused by the limit, and not be counted as failed.
  await connectIn(cgroup, '-n', 10, '10.96.0.4', PORT);
  test.same(tally(await connectIn(cgroup, '-n', 10, '10.96.0.5', PORT)), { ENETUNREACH: 10 });
  for (const id of [4, 5]) {
    test.equal(active(id), 0);
    test.same(dataplane.counters().endpoints.get(endpointId(id, 4, 0)), { active: 0, steered: 10, failed: 10 });
  }
});

await t.test('a socket that is used again after AF_UNSPEC', async (test) => {
  await dataplane.apply([
    ...cluster(6, { v4: [a], max: 1 }),
    ...frontend(6, '10.96.0.6', PORT, { cluster: 6 }),
    ...frontend(7, '10.96.0.7', PORT, { cluster: 6 }),
  ]);
  test.same(
    await connectIn(cgroup, '10.96.0.6', PORT, original.address, original.port),
    [{ errno: 'OK', peer: `${original.address} ${original.port}`, said: 'original' }],
    'the address of its first life is forgotten',
  );
  test.equal(active(6), 0);
  test.same(
    await connectIn(cgroup, '10.96.0.6', PORT, '10.96.0.7', PORT),
    [{ errno: 'OK', peer: `10.96.0.7 ${PORT}`, said: 'a' }],
    'it takes one place, not two',
  );
  await until('its place is given back', () => active(6) === 0);
});

await t.test('a connection outlives its endpoint and its cluster', async (test) => {
  await dataplane.apply([...cluster(8, { v4: [a] }), ...frontend(8, '10.96.0.8', PORT, { cluster: 8 })]);
  const held = await holdIn(cgroup, 2, '10.96.0.8', PORT);
  await dataplane.apply([
    { op: 'delete', map: 'km_listener', key: { family: 4, address: '10.96.0.8', prefixLength: 32, port: PORT } },
    { op: 'barrier' },
    { op: 'delete', map: 'km_cluster', key: 8 },
    { op: 'delete', map: 'km_slot', key: { clusterId: 8, family: 4, index: 0 } },
    { op: 'delete', map: 'km_endpoint_state', key: endpointId(8, 4, 0) },
    { op: 'delete', map: 'km_cluster_state', key: 8 },
  ]);
  await held.release();
  test.equal(active(8), undefined, 'its end brings no counter back');
  test.same(tally(await connectIn(cgroup, '10.96.0.8', PORT)), { ENETUNREACH: 1 });
});

const noOptmem = fs.existsSync(OPTMEM_MAX) ? {} : { skip: 'the kernel has no net.core.optmem_max for each network namespace' };
await t.test('without memory for its storage a connection passes, and takes no place', noOptmem, async (test) => {
  await dataplane.apply([...cluster(9, { v4: [a], max: 1 }), ...frontend(9, '10.96.0.9', PORT, { cluster: 9 })]);
  const before = dataplane.counters();
  const limit = fs.readFileSync(OPTMEM_MAX, 'utf8');
  fs.writeFileSync(OPTMEM_MAX, '0');
  try {
    test.same(tally(await connectIn(cgroup, '-n', 2, '10.96.0.9', PORT)), { ENETUNREACH: 2 });
  } finally {
    fs.writeFileSync(OPTMEM_MAX, limit);
  }
  const after = dataplane.counters();
  test.equal(after.reasons.err_storage - before.reasons.err_storage, 2);
  test.same(after.clusters.get(9), { active: 0, steered: 0, refused: 0 });
  test.same(after.endpoints.get(endpointId(9, 4, 0)), { active: 0, steered: 0, failed: 0 });
  test.same(after.listeners.get(9), { steered: 0, passed: 2, refused: 0 });
  test.same(tally(await connectIn(cgroup, '10.96.0.9', PORT)), { a: 1 });
});
