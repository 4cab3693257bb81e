// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import { createServer } from 'node:net';
import t, { type Test } from 'tap';
import { Cluster, Cluster_DiscoveryType } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../../../daemon/proto/envoy/config/listener/v3/listener.js';
import { createXdsSource, type XdsSource } from '../../../daemon/xds/index.js';
import { nameLookup } from '../../../daemon/xds/lookup.js';
import { systemClock } from '../../../daemon/xds/source.js';
import { AdsServer, packed, type AdsServerOptions } from '../../helpers/adsServer.js';
import { XdsRecorder, plainValidators } from '../../helpers/xdsRecorder.js';

const cluster = (name: string): Cluster => Cluster.fromPartial({ name, clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.STATIC } });
const eds = (name: string): Cluster => Cluster.fromPartial({ name, clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS } });
const assignment = (clusterName: string): ClusterLoadAssignment => ClusterLoadAssignment.fromPartial({ clusterName });
const listener = (name: string): Listener => Listener.fromPartial({ name });

const env = { POD_NAME: 'node', POD_NAMESPACE: 'test', INSTANCE_IP: '192.0.2.1' };

function connect(t: Test, address: string): { source: XdsSource; recorder: XdsRecorder } {
  const recorder = new XdsRecorder();
  const options = { address, plaintext: true, protocol: 'sotw' as const, rootCert: '/nonexistent', token: '/nonexistent', env, validators: plainValidators };
  // Jitter at its least, so that attempts follow each other quickly.
  const source = createXdsSource(options, recorder, { clock: systemClock, random: () => 0, lookup: nameLookup() });
  t.teardown(() => source.stop());
  source.start();
  return { source, recorder };
}

async function begin(t: Test, options: AdsServerOptions = {}) {
  const server = new AdsServer(options);
  await server.start();
  t.teardown(() => server.stop());
  return { server, ...connect(t, server.address) };
}

t.test('asks for clusters and listeners as a whole, says who it is once, and for nothing that nobody wants', async (t) => {
  const { server } = await begin(t);
  const cds = await server.subscription('clusters');
  const lds = await server.subscription('listeners');
  t.equal(cds.request.node?.id, 'sidecar~192.0.2.1~node.test~test.svc.cluster.local');
  t.equal(lds.request.node, undefined);
  t.strictSame([cds.request.resourceNames, lds.request.resourceNames], [[], []]);
  t.strictSame([cds.request.versionInfo, lds.request.versionInfo], ['', '']);
  await server.push('clusters', [packed.cluster(cluster('a'))]);
  await server.push('listeners', [packed.listener(listener('l'))]);
  t.notOk(server.received.some(({ kind }) => kind === 'endpoints' || kind === 'routes'));
});

t.test('acknowledges with version and nonce, and asks for endpoints by name as names change', async (t) => {
  const { server, recorder } = await begin(t);
  await server.subscription('clusters');
  const ack = await server.push('clusters', [packed.cluster(eds('b')), packed.cluster(eds('a'))]);
  t.match(ack, { versionInfo: 'v1', responseNonce: 'n1', errorDetail: undefined });
  const first = await server.subscription('endpoints');
  t.strictSame(first.request.resourceNames, ['b', 'a']);
  const answer = await server.push('endpoints', [packed.endpoints(assignment('a')), packed.endpoints(assignment('b'))]);
  t.match(answer, { versionInfo: 'v2', responseNonce: 'n2', resourceNames: ['b', 'a'] });
  await server.push('clusters', [packed.cluster(eds('a')), packed.cluster(eds('c'))]);
  const again = await server.take(({ kind, request }) => kind === 'endpoints' && request.resourceNames.includes('c'));
  t.match(again.request, { versionInfo: 'v2', responseNonce: 'n2', resourceNames: ['a', 'c'] }, 'the newest version and nonce go along');
  await server.push('clusters', []);
  const none = await server.take(({ kind, request }) => kind === 'endpoints' && request.resourceNames.length === 0);
  t.equal(none.request.responseNonce, 'n2', 'and names are given up');
  t.equal(recorder.seen?.resources.endpoints.size, 0);
});

t.test('configuration is settled when the endpoints of its clusters have come', async (t) => {
  const { server, recorder } = await begin(t);
  await server.subscription('listeners');
  await server.push('clusters', [packed.cluster(eds('a'))]);
  await server.push('listeners', []);
  t.match(recorder.seen?.info, { settled: false, complete: { clusters: true, endpoints: false, listeners: true, routes: true } });
  await server.push('endpoints', [packed.endpoints(assignment('a'))]);
  t.match(recorder.seen?.info, { settled: true, complete: { endpoints: true } });
});

t.test('a bad listener is rejected with its reason while the good ones apply', async (t) => {
  const { server, recorder } = await begin(t);
  await server.subscription('listeners');
  await server.push('listeners', [packed.listener(listener('one'))]);
  const nack = await server.push('listeners', [packed.listener(listener('one')), packed.listener(listener('bad')), packed.listener(listener('two'))]);
  t.match(nack, { versionInfo: 'v1', responseNonce: 'n2', errorDetail: { code: status.INVALID_ARGUMENT, message: 'LDS: "bad": the test refuses it' } });
  t.strictSame([...recorder.seen!.resources.listeners.keys()].sort(), ['one', 'two']);
  t.match(recorder.status, { connected: true, code: 'KM_XDS_REJECTED', nacks: [{ kind: 'listeners', version: 'v2', reason: /bad/ }] });
  const ack = await server.push('listeners', [packed.listener(listener('two'))]);
  t.match(ack, { versionInfo: 'v3', errorDetail: undefined });
  t.match(recorder.status, { code: undefined, nacks: [{ version: 'v2' }] }, 'the trouble is over, the memory of it stays');
});

t.test('the memory of rejections is bounded', async (t) => {
  const { server, recorder } = await begin(t);
  await server.subscription('listeners');
  for (let round = 0; round < 12; round += 1) await server.push('listeners', [packed.listener(listener('bad'))]);
  t.ok(recorder.status!.nacks.length <= 5);
  t.equal(recorder.status!.nacks.at(-1)?.version, 'v12');
});

t.test('updates and removals', async (t) => {
  const { server, recorder } = await begin(t);
  server.serve({ clusters: [eds('a'), eds('b')], endpoints: [assignment('a'), assignment('b')], listeners: [listener('x')] });
  await recorder.resources(({ resources, info }) => info.settled && resources.endpoints.size === 2);
  server.serve({ clusters: [eds('a')], endpoints: [assignment('a')], listeners: [listener('y')] });
  const { resources } = await recorder.resources(({ resources }) => resources.listeners.has('y'));
  t.strictSame([...resources.clusters.keys()], ['a']);
  t.strictSame([...resources.endpoints.keys()], ['a']);
  t.strictSame([...resources.listeners.keys()], ['y']);
});

t.test('a restart of the server keeps resources, and the new stream starts from the versions that were accepted', async (t) => {
  const { server, recorder } = await begin(t);
  await server.subscription('listeners');
  await server.push('clusters', [packed.cluster(eds('a'))]);
  await server.push('listeners', []);
  await server.push('endpoints', [packed.endpoints(assignment('a'))]);
  const { resources: before } = recorder.seen!;
  server.stop();
  const lost = await recorder.until(({ connected }) => !connected);
  t.match(lost, { code: /KM_XDS_(STREAM|UNREACHABLE)/, settled: true });
  t.equal(recorder.seen?.resources.clusters, before.clusters);
  await server.start();
  const cds = await server.subscription('clusters', 2);
  t.match(cds.request, { versionInfo: 'v1', node: { id: /^sidecar~/ } });
  const resumed = await server.subscription('endpoints', 2);
  t.match(resumed.request, { versionInfo: 'v3', resourceNames: ['a'] });
  await server.push('clusters', [packed.cluster(eds('a'))]);
  t.match(recorder.status, { connected: true, code: undefined });
  t.equal(recorder.seen?.resources.clusters.get('a'), before.clusters.get('a'), 'what did not change is the same object');
});

t.test('keeps trying while nobody listens, and finds a server that comes later', async (t) => {
  const server = new AdsServer();
  await server.start();
  server.stop();
  const { recorder } = connect(t, server.address);
  t.match(await recorder.until(({ code }) => code !== undefined), { connected: false, code: 'KM_XDS_UNREACHABLE', reason: /127\.0\.0\.1:\d+/ });
  await server.start();
  t.teardown(() => server.stop());
  await server.subscription('clusters');
  await server.push('clusters', [packed.cluster(cluster('a'))]);
  t.match(recorder.status, { connected: true, code: undefined });
});

const message = (text: string): Buffer => Buffer.from(text, 'latin1');
for (const [what, bytes] of [
  ['random bytes', message('\xff\xfe\xfd\xfc\xfb')],
  ['an empty message', Buffer.alloc(0)],
  ['text', message('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['a length that is not there', Buffer.from([0x12, 0xff, 0xff, 0xff, 0x7f])],
  ['groups without an end', Buffer.alloc(100_000, 0x0b)],
] as const) {
  t.test(`garbage instead of an answer (${what}): a new stream, resources kept`, async (t) => {
    const { server, recorder } = await begin(t);
    await server.subscription('clusters');
    await server.push('clusters', [packed.cluster(cluster('a'))]);
    server.send(bytes);
    t.match(await recorder.until(({ connected }) => !connected), { code: 'KM_XDS_PROTOCOL' });
    await server.subscription('clusters', 2);
    t.ok(recorder.seen?.resources.clusters.has('a'));
  });
}

t.test('something that is no gRPC server at all', async (t) => {
  const server = createServer((socket) => socket.on('error', () => undefined).end('220 mail.example ESMTP\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { recorder } = connect(t, `127.0.0.1:${(server.address() as { port: number }).port}`);
  t.match(await recorder.until(({ code }) => code !== undefined), { connected: false, code: 'KM_XDS_UNREACHABLE' });
});

for (const [code, name] of [
  [status.UNAUTHENTICATED, 'KM_XDS_TOKEN_REFUSED'],
  [status.PERMISSION_DENIED, 'KM_XDS_IDENTITY_REFUSED'],
  [status.UNIMPLEMENTED, 'KM_XDS_PROTOCOL'],
  [status.RESOURCE_EXHAUSTED, 'KM_XDS_STREAM'],
] as const) {
  t.test(`a stream that ends with ${status[code]} is ${name}`, async (t) => {
    const { recorder } = await begin(t, { refuse: () => ({ code, details: 'says the server' }) });
    t.match(await recorder.until((seen) => seen.code !== undefined), { connected: false, code: name, reason: /says the server/ });
  });
}

t.test('a stream that the server ends in good order is opened again', async (t) => {
  const { server, recorder } = await begin(t);
  await server.subscription('clusters');
  await server.push('clusters', []);
  server.end({ code: status.OK, details: '' });
  t.match(await recorder.until(({ connected }) => !connected), { code: 'KM_XDS_STREAM' });
  await server.subscription('clusters', 2);
});

t.test('an answer above 4 MB', async (t) => {
  const { server, recorder } = await begin(t);
  await server.subscription('clusters');
  const many = Array.from({ length: 5000 }, (_, index) => Cluster.fromPartial({ name: `c${index}`, altStatName: 'x'.repeat(1400) }));
  const ack = await server.push('clusters', many.map(packed.cluster));
  t.equal(ack.errorDetail, undefined);
  t.equal(recorder.seen?.resources.clusters.size, 5000);
});

t.test('after stop nothing is told and the stream is closed', async (t) => {
  const { server, source, recorder } = await begin(t);
  await server.subscription('clusters');
  await source.stop();
  const told = recorder.statuses.length;
  server.stop();
  await source.stop();
  t.equal(recorder.statuses.length, told);
});
