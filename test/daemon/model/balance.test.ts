// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { parseIp } from '../../../daemon/model/address.js';
import { balance } from '../../../daemon/model/balance.js';
import type { Host } from '../../../daemon/model/hosts.js';

t.test('200,000 endpoints, each in a locality of its own', async (t) => {
  const ip = parseIp('10.0.0.1')!;
  const hosts = Array.from({ length: 200_000 }, (_, locality): Host => ({ addresses: { 4: { ip, port: 80 } }, health: 'healthy', weight: 1, priority: 0, locality, metadata: undefined }));
  const localityWeights = hosts.map((_, i) => (i === 0 ? 3 : 1));
  const { ipv4 } = balance(hosts, { localityWeights, overprovisioning: 140, panicThreshold: 50, failOnPanic: false, weightedHealth: false });
  t.equal(ipv4.length, hosts.length);
  t.ok(Math.abs(ipv4[0]!.weight / ipv4[1]!.weight - 3) < 1e-9);
});
