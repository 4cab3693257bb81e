// SPDX-License-Identifier: Apache-2.0
/** What is counted of a service beside its connections: bytes, and why connections were not simply steered. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import t from 'tap';
import { enterSandbox, spawnInCgroup } from '../helpers/sandbox.js';
import { connectIn, tally } from './client.js';
import { cluster, frontend } from './mesh.js';
import { openStage, startBackend, stopBackends, until } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);

const PORT = 80;
const [SENT, RECEIVED] = [123_456, 234_567];
const good = await startBackend('good', '127.0.0.1');
const { dataplane, cgroup } = openStage();
t.teardown(() => dataplane.close());

/** Takes SENT bytes, then answers with RECEIVED. */
const server = createServer((socket) => {
  let left = SENT;
  socket.on('data', (bytes) => (left -= bytes.length) === 0 && socket.end(Buffer.alloc(RECEIVED)));
}).listen(0, '127.0.0.1');
await once(server, 'listening');
t.teardown(() => server.close());
const exchange = { name: 'exchange', address: '127.0.0.1', port: (server.address() as AddressInfo).port };

const CLIENT = `const s = require('node:net').connect(${PORT}, process.argv[1]); s.write(Buffer.alloc(${SENT})); let got = 0; s.on('data', (b) => (got += b.length)); s.on('close', () => console.log(got)); s.on('end', () => s.end());`;

await t.test('bytes of connections that have ended, by cluster', async (test) => {
  await dataplane.apply([...cluster(1, { v4: [exchange] }), ...frontend(1, '10.96.0.1', PORT, { cluster: 1 })]);
  for (const connections of [1, 2]) {
    const [code] = await once(spawnInCgroup(cgroup, process.execPath, ['-e', CLIENT, '10.96.0.1']), 'close');
    test.equal(code, 0);
    await until('the socket is closed', () => dataplane.counters().clusters.get(1)?.active === 0);
    const { sent, received } = dataplane.serviceCounters().traffic.get(1)!;
    // A SYN and a FIN are a byte each.
    test.ok(sent >= connections * SENT && sent <= connections * (SENT + 2), `${sent} sent`);
    test.ok(received >= connections * RECEIVED && received <= connections * (RECEIVED + 2), `${received} received`);
  }
});

await t.test('a connect that fails carries nothing', async (test) => {
  await dataplane.apply([...cluster(2, { v4: [{ name: 'closed', address: '127.0.0.1', port: 1 }] }), ...frontend(2, '10.96.0.2', PORT, { cluster: 2 })]);
  test.same(tally(await connectIn(cgroup, '-n', 3, '10.96.0.2', PORT)), { ECONNREFUSED: 3 });
  test.equal(dataplane.serviceCounters().traffic.get(2), undefined);
});

await t.test('reasons by listener, but for connections that are simply steered', async (test) => {
  await dataplane.apply([
    ...[...cluster(3, { v4: [good] }), ...frontend(3, '10.96.0.3', PORT, { cluster: 3 })],
    ...[...cluster(4, {}), ...frontend(4, '10.96.0.4', PORT, { cluster: 4 })],
    ...frontend(5, '127.0.0.1', good.port, { pass: 'original_dst' }),
  ]);
  await connectIn(cgroup, '-n', 5, '10.96.0.3', PORT);
  await Promise.all(Array.from({ length: 4 }, () => connectIn(cgroup, '-n', 10, '10.96.0.4', PORT)));
  await connectIn(cgroup, '-n', 2, '127.0.0.1', good.port);
  const { outcomes, listeners } = dataplane.serviceCounters();
  test.equal(listeners.get(3)?.steered, 5);
  test.same([outcomes.get(3), outcomes.get(4), outcomes.get(5)], [undefined, { no_endpoints: 40 }, { original_dst: 2 }]);
});

await t.test('what was counted for ids that are gone is taken out', async (test) => {
  dataplane.sweepCounts(new Set([5]), new Set([2]));
  const { outcomes, traffic } = dataplane.serviceCounters();
  test.same([...outcomes.keys()], [5]);
  test.same([...traffic.keys()], []);
});
