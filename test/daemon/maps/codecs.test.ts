// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import * as clusters from '../../../daemon/maps/clusterCodecs.js';
import type { Codec } from '../../../daemon/maps/codec.js';
import * as frontends from '../../../daemon/maps/frontendCodecs.js';
import * as names from '../../../daemon/maps/nameCodecs.js';

/** Writes in the middle of other bytes and reads back. */
function there<T>(codec: Codec<T>, value: T): { hex: string; value: T } {
  const buffer = Buffer.alloc(codec.size + 8);
  codec.write(value, buffer, 4);
  t.equal(buffer.readUInt32LE(0), 0, 'nothing is written before the record');
  t.equal(buffer.readUInt32LE(codec.size + 4), 0, 'nothing is written behind the record');
  return { hex: buffer.toString('hex', 4, codec.size + 4), value: codec.read(buffer, 4) };
}

const MAPPED = '00000000000000000000ffff';

await t.test('keys have the bytes that the programs look up', async (test) => {
  const exact = { family: 4, address: '10.96.0.1', prefixLength: 32, port: 443 } as const;
  test.same(there(frontends.listenerKey, exact), { hex: `${MAPPED}0a600001bb010000`, value: exact });
  const exact6 = { family: 6, address: 'fd00::1', prefixLength: 128, port: 65535 } as const;
  test.same(there(frontends.listenerKey, exact6), { hex: `fd00${'00'.repeat(13)}01ffff0000`, value: exact6 });

  const wildcard = { family: 4, address: '0.0.0.0', prefixLength: 0, port: 9080 } as const;
  test.same(there(frontends.prefixKey, wildcard), { hex: `8000000023780000${MAPPED}00000000`, value: wildcard }, '0.0.0.0/0: 32 and 96 bits');
  const wildcard6 = { family: 6, address: '::', prefixLength: 0, port: 9080 } as const;
  test.same(there(frontends.prefixKey, wildcard6), { hex: `2000000023780100${'00'.repeat(16)}`, value: wildcard6 }, '::/0: 32 bits');
  const range = { family: 4, address: '10.96.0.0', prefixLength: 12, port: 80 } as const;
  test.same(there(frontends.prefixKey, range).value, range);

  test.same(there(clusters.slotKey, { clusterId: 7, family: 6, index: 5 }), { hex: '0700000005000080', value: { clusterId: 7, family: 6, index: 5 } });
  test.same(there(clusters.slotKey, { clusterId: 7, family: 4, index: 5 }).hex, '0700000005000000');
});

await t.test('values come back as they were', async (test) => {
  const frontend = { listenerId: 0xffffffff, kind: 'split', target: 3, n: 4, routes: 7, reason: 0 } as const;
  test.same(there(frontends.listenerEntry, frontend).value, frontend);
  test.same(there(frontends.listener, { ...frontend, kind: 'refuse', reason: 24 }).value, { ...frontend, kind: 'refuse', reason: 24 });
  const split = { clusterId: 1, aliasClusterId: 2, threshold: 0xfffffffe };
  test.same(there(frontends.split, split).value, split);
  const cluster = { slots4: 1, slots6: 2, maxConnections: 3, kind: 'endpoints', lb: 'least_request', reason: 20, panic: true } as const;
  test.same(there(clusters.cluster, cluster).value, cluster);
  const primary = { address: '10.244.1.9', port: 8080, endpointId: 1 };
  const alias = { address: 'fd00::9', port: 1, endpointId: 0xffffffff };
  test.same(there(clusters.slot, { primary, alias, threshold: 5 }).value, { primary, alias, threshold: 5 });
  test.same(there(clusters.slot, { primary, alias: primary, threshold: 5 }).value, { primary, alias: primary, threshold: 5 });
  for (const name of ['', 'outbound|80||a.b', 'ü'.repeat(127), 'x'.repeat(255)]) test.equal(there(names.name, name).value, name);
});

await t.test('what does not fit is refused', async (test) => {
  const at = (write: () => void): void => void test.throws(write, RangeError);
  const buffer = Buffer.alloc(512);
  at(() => names.name.write('x'.repeat(256), buffer, 0));
  at(() => names.name.write('ü'.repeat(128), buffer, 0));
  at(() => names.name.write('a\0b', buffer, 0));
  at(() => clusters.slotKey.write({ clusterId: 1, family: 4, index: 2 ** 31 }, buffer, 0));
  at(() => clusters.slotKey.write({ clusterId: 2 ** 32, family: 4, index: 0 }, buffer, 0));
  at(() => frontends.listenerKey.write({ family: 4, address: '10.0.0.1', prefixLength: 32, port: 65536 }, buffer, 0));
  at(() => frontends.split.write({ clusterId: 1, aliasClusterId: 1, threshold: 2 ** 32 }, buffer, 0));
  // A kind that this daemon does not know: the record is not ours to understand.
  at(() => frontends.listener.read(Buffer.alloc(frontends.listener.size), 0));
  at(() => clusters.cluster.read(Buffer.alloc(20), 0));
});
