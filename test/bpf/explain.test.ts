// SPDX-License-Identifier: Apache-2.0
/** `node daemon.js explain` reads the maps that are pinned, whoever wrote them. */
import t from 'tap';
import { explain } from '../../daemon/explain/command.js';
import { DataplaneError } from '../../daemon/maps/errors.js';
import { UsageError } from '../../daemon/options.js';
import { enterSandbox } from '../helpers/sandbox.js';
import { connectIn } from './client.js';
import { cluster, frontend } from './mesh.js';
import { openStage, startBackend, stopBackends } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);

await t.test('without maps', async (test) => {
  await test.rejects(explain(['--address', '10.96.0.1:80']), { name: DataplaneError.name, code: 'KM_BPF_FS', message: /kmesh-daemon has not been in force here/ });
});

await t.test('what connections come to, and what they came to so far', async (test) => {
  const a = await startBackend('a', '127.0.0.1');
  const { dataplane, cgroup } = openStage();
  test.teardown(() => dataplane.close());
  await dataplane.apply([
    ...cluster(1, { v4: [a], max: 7 }),
    ...frontend(1, '10.96.0.1', 80, { cluster: 1 }),
    { op: 'put', map: 'km_name', key: { kind: 'cluster', id: 1 }, value: 'reviews' },
    { op: 'put', map: 'km_name', key: { kind: 'listener', id: 1 }, value: 'vip' },
  ]);
  await connectIn(cgroup, '-n', 5, '10.96.0.1', 80);
  const answer = JSON.parse(await explain(['--address', '10.96.0.1:80', '--json'])) as unknown;
  test.match(answer, {
    asked: { address: '10.96.0.1', port: 80 },
    frontend: { listener: 'vip', address: '10.96.0.1', prefixLength: 32 },
    byDefault: { clusters: [{ cluster: 'reviews', outcome: 'steered', maxConnections: 7, endpoints: [{ address: a.address, port: a.port, share: 1, counters: { steered: 5, failed: 0 } }] }] },
  });
  test.match(await explain(['--address', '10.96.0.1:80']), new RegExp(`^endpoint +100\\.0 %, ${a.address}:${a.port}, \\d active, 5 steered, 0 failed$`, 'm'));
  test.match(await explain(['--address', '10.96.0.9:80']), /no_listener/);
  test.match(JSON.parse(await explain(['--address', '10.96.0.1:80', '--header', 'x:1', '--header', 'y:2', '--json'])), { asked: { request: { headers: { x: '1', y: '2' } } } }, 'headers add up');
});

await t.test('arguments that mean nothing', async (test) => {
  for (const [argv, message] of [[[], /takes one of --address/], [['--address', 'x'], /--address takes/], [['--adress', 'x'], /Unknown argument/], [['--address', '10.96.0.1:80', '--address', '10.96.0.2:80'], /--address is given twice/]] as const) {
    await test.rejects(explain([...argv]), { name: UsageError.name, message });
  }
});
