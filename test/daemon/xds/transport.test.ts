// SPDX-License-Identifier: Apache-2.0
// What the stream does besides resources: bounds, flow control, silence.
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer, connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { Cluster } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { DiscoveryResponse } from '../../../daemon/proto/envoy/service/discovery/v3/discovery.js';
import { ShardedMap } from '../../../daemon/model/shardedMap.js';
import { whole } from '../../../daemon/model/slices.js';
import type { Answer } from '../../../daemon/xds/answer.js';
import type { Keepalive } from '../../../daemon/xds/channel.js';
import { MOST_RESOURCES } from '../../../daemon/xds/frames.js';
import { createXdsSource } from '../../../daemon/xds/index.js';
import { KINDS, perKind } from '../../../daemon/xds/kinds.js';
import { nodeIdentity } from '../../../daemon/xds/node.js';
import { StateOfTheWorld } from '../../../daemon/xds/sotw.js';
import { systemClock } from '../../../daemon/xds/source.js';
import type { OpenedAnswer } from '../../../daemon/xds/store.js';
import { AdsStream } from '../../../daemon/xds/stream.js';
import { AdsServer, packed } from '../../helpers/adsServer.js';
import { XdsRecorder, plainValidators } from '../../helpers/xdsRecorder.js';

const env = { POD_NAME: 'node', POD_NAMESPACE: 'test', INSTANCE_IP: '192.0.2.1' };
const node = nodeIdentity(env, { hostname: 'h', interfaces: {} });

function connect(t: Test, address: string, keepalive?: Keepalive): XdsRecorder {
  const recorder = new XdsRecorder();
  const options = { address, plaintext: true, protocol: 'sotw' as const, rootCert: '', token: '', env, validators: plainValidators };
  const source = createXdsSource(options, recorder, { clock: systemClock, random: () => 0, lookup: async () => ({ addresses: [], ttlMs: undefined }), ...(keepalive && { keepalive }) });
  t.teardown(() => source.stop());
  source.start();
  return recorder;
}

async function serve(t: Test): Promise<AdsServer> {
  const server = new AdsServer();
  await server.start();
  t.teardown(() => server.stop());
  return server;
}

t.test('an answer that is longer than a node takes is refused before it is read', async (t) => {
  const server = createHttp2Server();
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    // A message of 512 MiB: not compressed, length, and its first byte.
    stream.write(Buffer.from([0, 0x20, 0, 0, 0, 0x12]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const recorder = connect(t, `127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.match(await recorder.until(({ code }) => code !== undefined), { connected: false, code: 'KM_XDS_TOO_LARGE', reason: /more than 256 MiB/ });
});

t.test('an answer of more resources than a node takes is no answer', async (t) => {
  const variant = new StateOfTheWorld(node, perKind(() => ''), { names: () => [] });
  variant.begin();
  // Field 2, of no bytes: two bytes on the wire each.
  const bytes = Buffer.alloc(2 * (MOST_RESOURCES + 1), Buffer.from([0x12, 0]));
  t.throws(() => whole(variant.read(bytes)), /more than 1048576 elements/);
});

t.test('one answer at a time: what comes meanwhile is not read into memory', async (t) => {
  const server = await serve(t);
  const client = new Client(server.address, credentials.createInsecure());
  t.teardown(() => client.close());
  const opened: string[] = [];
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const began = new Promise<void>((resolve) => {
    const owner = {
      open: async (answer: Answer): Promise<OpenedAnswer> => {
        opened.push(answer.nonce);
        resolve();
        await gate;
        return { answer, entries: new Map(), rejected: [], change: { set: [], remove: [], values: ShardedMap.empty() } };
      },
      pushed: () => undefined,
      ended: () => undefined,
    };
    const stream = new AdsStream(client, new Metadata(), new StateOfTheWorld(node, perKind(() => ''), { names: () => [] }), owner);
    t.teardown(() => stream.cancel());
  });
  await server.subscription('clusters');
  const count = 300;
  const large = packed.cluster(Cluster.fromPartial({ name: 'c', altStatName: 'x'.repeat(1 << 18) }));
  let sent = 0;
  for (let i = 0; i < count; i += 1) {
    const response = { ...DiscoveryResponse.fromPartial({ versionInfo: `${i}`, nonce: `m${i}`, typeUrl: KINDS.clusters.typeUrl }), resources: [large] };
    server.send(Buffer.from(DiscoveryResponse.encode(response).finish()), () => (sent += 1));
  }
  await began;
  // Another stream of the same server is answered: so everything that this one could take has had its time.
  const other = connect(t, server.address);
  await server.subscription('listeners', 2);
  await server.push('listeners', []);
  await other.until(({ connected }) => connected);
  t.strictSame(opened, ['m0']);
  t.ok(sent < count / 2, `${sent} of ${count} answers of 256 KiB left the server`);
  open();
  await server.take(({ request }) => request.responseNonce === `m${count - 1}`);
  t.strictSame(opened, Array.from({ length: count }, (_, i) => `m${i}`), 'then all, in order');
});

t.test('a control plane that vanished without a word is noticed, and what it said stays', async (t) => {
  const server = await serve(t);
  const sockets = new Set<Socket>();
  let vanished = false;
  const proxy = createServer((down) => {
    const up = connectTcp(server.port, '127.0.0.1');
    for (const [from, to] of [[down, up], [up, down]] as const) {
      sockets.add(from);
      from.on('data', (data) => !vanished && to.write(data)).on('error', () => undefined);
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  const recorder = connect(t, `127.0.0.1:${(proxy.address() as AddressInfo).port}`, { everyMs: 100, withinMs: 100 });
  await server.subscription('clusters');
  await server.push('clusters', [packed.cluster(Cluster.fromPartial({ name: 'a' }))]);
  vanished = true;
  t.match(await recorder.until(({ connected }) => !connected), { code: 'KM_XDS_UNREACHABLE' });
  vanished = false;
  await server.subscription('clusters', 2);
  t.ok(recorder.seen?.resources.clusters.has('a'));
});
