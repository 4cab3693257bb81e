// SPDX-License-Identifier: Apache-2.0
/** Connects in a row that fail, as outlier detection needs them: by whose fault, and for how long. */
import { once } from 'node:events';
import fs from 'node:fs';
import t from 'tap';
import { enterSandbox, run, spawnInCgroup } from '../helpers/sandbox.js';
import { connectIn, tally } from './client.js';
import { cluster, endpointId, frontend } from './mesh.js';
import { openStage, startBackend, stopBackends, until } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);

const PORT = 80;
const good = await startBackend('good', '127.0.0.1');
const closed = { name: 'closed', address: '127.0.0.1', port: 1 };
const { dataplane, cgroup } = openStage();
t.teardown(() => dataplane.close());

const failures = (id: number) => dataplane.failures().get(endpointId(id, 4, 0));

await t.test('refused connects count in a row, and the next one that goes well ends it', async (test) => {
  await dataplane.apply([...cluster(1, { v4: [closed] }), ...frontend(1, '10.96.0.1', PORT, { cluster: 1 })]);
  test.same(tally(await connectIn(cgroup, '-n', 7, '10.96.0.1', PORT)), { ECONNREFUSED: 7 });
  test.same(failures(1), { inRow: 7, most: 7 });
  // The same endpoint, where somebody listens now.
  await dataplane.apply(cluster(1, { v4: [good] }));
  await connectIn(cgroup, '10.96.0.1', PORT);
  await until('the row is over', () => failures(1)?.inRow === 0);
  test.same(failures(1), { inRow: 0, most: 7 }, 'what it was stays, for who looks later');
  await dataplane.apply(cluster(1, { v4: [closed] }));
  await connectIn(cgroup, '-n', 2, '10.96.0.1', PORT);
  test.same(failures(1), { inRow: 2, most: 7 });
  dataplane.forgetFailures([endpointId(1, 4, 0), 4711]);
  test.equal(failures(1), undefined);
});

await t.test('clients that compete miss no failure', async (test) => {
  await dataplane.apply([...cluster(2, { v4: [closed] }), ...frontend(2, '10.96.0.2', PORT, { cluster: 2 })]);
  await Promise.all(Array.from({ length: 8 }, () => connectIn(cgroup, '-n', 50, '10.96.0.2', PORT)));
  test.equal(failures(2)?.inRow, 400);
});

await t.test('endpoints that nobody has trouble with are not in the map', async (test) => {
  await dataplane.apply([...cluster(3, { v4: [good] }), ...frontend(3, '10.96.0.3', PORT, { cluster: 3 })]);
  test.same(tally(await connectIn(cgroup, '-n', 5, '10.96.0.3', PORT)), { good: 5 });
  test.equal(failures(3), undefined);
});

await t.test('an endpoint that does not answer fails; a client that gives up is no failure of it', async (test) => {
  // Frames for a neighbour that is not there.
  run('ip', ['link', 'add', 'silent', 'type', 'veth', 'peer', 'name', 'silent-peer']);
  for (const words of [['addr', 'add', '10.77.0.1/24', 'dev', 'silent'], ['link', 'set', 'silent', 'up'], ['link', 'set', 'silent-peer', 'up'], ['neigh', 'add', '10.77.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'silent']]) run('ip', words);
  // One more SYN: three seconds.
  fs.writeFileSync('/proc/sys/net/ipv4/tcp_syn_retries', '1');
  await dataplane.apply([...cluster(4, { v4: [{ name: 'silent', address: '10.77.0.2', port: PORT }] }), ...frontend(4, '10.96.0.4', PORT, { cluster: 4 })]);
  const hasty = spawnInCgroup(cgroup, process.execPath, ['-e', `const s = require('node:net').connect(${PORT}, '10.96.0.4'); setImmediate(() => s.destroy());`]);
  await once(hasty, 'close');
  await until('it was counted as closed', () => dataplane.counters().endpoints.get(endpointId(4, 4, 0))?.failed === 1);
  test.equal(failures(4), undefined, 'one that gives up at once');
  test.same(tally(await connectIn(cgroup, '10.96.0.4', PORT)), { ETIMEDOUT: 1 });
  test.same(failures(4), { inRow: 1, most: 1 });
});
