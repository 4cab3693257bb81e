// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { Struct } from '../../../daemon/proto/google/protobuf/struct.js';
import { Cluster, Cluster_DiscoveryType } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { createXdsSource, type XdsProtocol } from '../../../daemon/xds/index.js';
import { KINDS } from '../../../daemon/xds/kinds.js';
import { systemClock } from '../../../daemon/xds/source.js';
import { AdsServer, packed } from '../../helpers/adsServer.js';
import { modelValidators } from '../../helpers/modelValidators.js';
import { XdsRecorder } from '../../helpers/xdsRecorder.js';
import { drawer, hostileRun, newSeed } from './hostile.js';

const captures = '../shared/fixtures/istiod';
const skip = existsSync(captures) ? false : `${captures} is not there`;
const FIRST = ['001-cds.pb', '002-eds.pb', '003-lds.pb', '004-rds.pb'];
const MESSAGES = 1500;

for (const protocol of ['sotw', 'delta'] satisfies XdsProtocol[]) {
  t.test(`${protocol}: cut, mixed up, doubled and disordered messages break nothing, and good ones mend all`, { skip }, async (t) => {
    const good = FIRST.map((file) => readFileSync(path.join(captures, protocol, file)));
    const seed = newSeed();
    t.comment(`seed ${seed}`);
    const { garbage, rejected } = await hostileRun({ protocol, good, draw: drawer(seed), more: (messages) => messages < MESSAGES });
    t.ok(garbage > MESSAGES / 20, `${garbage} were no answers`);
    t.ok(rejected > 0, 'of others some resources were rejected');
    t.ok(garbage < MESSAGES, 'and some could be taken');
  });
}

const STATIC = { $case: 'type' as const, value: Cluster_DiscoveryType.STATIC };
const good = packed.cluster(Cluster.fromPartial({ name: 'good', clusterDiscoveryType: STATIC }));

/** Lists in lists, as deep as a message of this size can hold. */
function nested(depth: number): Buffer {
  let value = Buffer.from([0x20, 1]);
  for (let i = 0; i < depth; i += 1) value = Buffer.concat([Buffer.from([0x32]), varint(value.length + 1 + varint(value.length).length), Buffer.from([0x0a]), varint(value.length), value]);
  return Buffer.concat([Buffer.from(Struct.encode(Struct.fromPartial({})).finish()), Buffer.from([0x0a]), varint(value.length + 4 + varint(value.length).length - 1), Buffer.from([0x0a, 1, 0x61, 0x12]), varint(value.length), value]);
}

function varint(n: number): Buffer {
  const bytes: number[] = [];
  for (; n > 127; n >>>= 7) bytes.push((n & 127) | 128);
  return Buffer.from([...bytes, n]);
}

t.test('over a stream: hostile resources are rejected one by one, and the good ones beside them are in force', async (t) => {
  const server = new AdsServer();
  await server.start();
  t.teardown(() => server.stop());
  const recorder = new XdsRecorder();
  const options = { address: server.address, plaintext: true, protocol: 'sotw' as const, rootCert: '', token: '', env: { POD_NAME: 'n', INSTANCE_IP: '192.0.2.1' }, validators: modelValidators };
  const source = createXdsSource(options, recorder, { clock: systemClock, random: () => 0, lookup: async () => ({ addresses: [], ttlMs: undefined }) });
  t.teardown(() => source.stop());
  source.start();
  await server.subscription('clusters');
  const { typeUrl } = KINDS.clusters;
  // Cluster.metadata (25), Metadata.filter_metadata (1), its key and value.
  const struct = nested(5000);
  const entry = Buffer.concat([Buffer.from([0x0a, 1, 0x6b, 0x12]), varint(struct.length), struct]);
  const metadata = Buffer.concat([Buffer.from([0x0a]), varint(entry.length), entry]);
  const deep = Buffer.concat([Buffer.from([0x0a, 4]), Buffer.from('deep'), varint((25 << 3) | 2), varint(metadata.length), metadata]);
  const hostile = [
    { typeUrl, value: deep },
    { typeUrl, value: Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]) },
    { typeUrl: 'type.googleapis.com/envoy.service.discovery.v3.Resource', value: Buffer.from([0xff]) },
    { typeUrl: '', value: Buffer.alloc(0) },
    packed.cluster(Cluster.fromPartial({ name: 'n'.repeat(1 << 20), clusterDiscoveryType: STATIC, altStatName: '\u0000' })),
    packed.cluster(Cluster.fromPartial({ name: '__proto__', clusterDiscoveryType: STATIC })),
  ];
  const nack = await server.push('clusters', [good, ...hostile]);
  t.match(nack.errorDetail?.message, /resources\[1\]/);
  t.ok(nack.errorDetail!.message.length < 20_000, 'what is told stays short');
  t.ok(recorder.seen?.resources.clusters.has('good'));
  const ack = await server.push('clusters', [good]);
  t.equal(ack.errorDetail, undefined);
  t.strictSame([...recorder.seen!.resources.clusters.keys()], ['good']);
});

t.test('answers before their questions, twice, and in the wrong order', { skip }, async (t) => {
  const read = (file: string): Buffer => readFileSync(path.join(captures, 'sotw', file));
  const good = FIRST.map(read);
  const [cds, eds, lds, rds] = good as [Buffer, Buffer, Buffer, Buffer];
  const orders = [[rds, lds, eds, cds], [eds, eds, cds, cds, eds, rds, lds, lds, rds], [lds, cds, lds, cds]];
  for (const order of orders) {
    let next = 0;
    const { garbage } = await hostileRun({ protocol: 'sotw', good: [...order, ...good], draw: (below) => below - 1, more: () => (next += 1) === 1 });
    t.equal(garbage, 0);
  }
});
