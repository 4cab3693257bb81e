// SPDX-License-Identifier: Apache-2.0
// Incremental discovery against a control plane that speaks it over loopback.
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { Cluster, Cluster_DiscoveryType } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../../../daemon/proto/envoy/config/listener/v3/listener.js';
import { RouteConfiguration } from '../../../daemon/proto/envoy/config/route/v3/route.js';
import type { Any } from '../../../daemon/proto/google/protobuf/any.js';
import { createXdsSource } from '../../../daemon/xds/index.js';
import { systemClock } from '../../../daemon/xds/source.js';
import { AdsServer, packed } from '../../helpers/adsServer.js';
import { DeltaServer } from '../../helpers/deltaServer.js';
import { XdsRecorder, plainValidators } from '../../helpers/xdsRecorder.js';
import { httpListener } from './resources.js';

const eds = (name: string, altStatName = ''): Any => packed.cluster(Cluster.fromPartial({ name, altStatName, clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS } }));
const assignment = (clusterName: string, priority = 0): Any => packed.endpoints(ClusterLoadAssignment.fromPartial({ clusterName, endpoints: [{ priority }] }));
const listener = (name: string): Any => packed.listener(Listener.fromPartial({ name }));
const table = (name: string): Any => packed.route(RouteConfiguration.fromPartial({ name }));

function connect(t: Test, address: string): XdsRecorder {
  const recorder = new XdsRecorder();
  const env = { POD_NAME: 'node', POD_NAMESPACE: 'test', INSTANCE_IP: '192.0.2.1' };
  const options = { address, plaintext: true, protocol: 'delta' as const, rootCert: '/nonexistent', token: '/nonexistent', env, validators: plainValidators };
  const source = createXdsSource(options, recorder, { clock: systemClock, random: () => 0, lookup: async () => ({ addresses: ['192.0.2.99'], ttlMs: undefined }) });
  t.teardown(() => source.stop());
  source.start();
  return recorder;
}

async function begin(t: Test): Promise<{ server: DeltaServer; recorder: XdsRecorder }> {
  const server = new DeltaServer();
  await server.start();
  t.teardown(() => server.stop());
  return { server, recorder: connect(t, server.address) };
}

t.test('asks for clusters and listeners as a whole, says who it is once, and for nothing that nobody wants', async (t) => {
  const { server } = await begin(t);
  const cds = await server.subscription('clusters');
  const lds = await server.subscription('listeners');
  t.match(cds.request, { node: { id: /^sidecar~192\.0\.2\.1~node\.test~/ }, resourceNamesSubscribe: [], resourceNamesUnsubscribe: [], initialResourceVersions: {} });
  t.equal(lds.request.node, undefined);
  await server.push('clusters', {});
  await server.push('listeners', {});
  t.notOk(server.received.some(({ kind }) => kind === 'endpoints' || kind === 'routes'), 'a first request without names would ask for all');
});

t.test('subscribes and unsubscribes by name as clusters and listeners come and go', async (t) => {
  const { server, recorder } = await begin(t);
  await server.subscription('listeners');
  t.match(await server.push('clusters', { a: eds('a'), b: eds('b') }), { errorDetail: undefined });
  t.match((await server.subscription('endpoints')).request, { resourceNamesSubscribe: ['a', 'b'], responseNonce: '' });
  await server.push('endpoints', { a: assignment('a'), b: assignment('b') });
  await server.push('clusters', { c: eds('c') }, ['a']);
  t.match((await server.subscription('endpoints')).request, { resourceNamesSubscribe: ['c'], resourceNamesUnsubscribe: ['a'] });
  t.strictSame([...recorder.seen!.resources.clusters.keys()].sort(), ['b', 'c'], 'what an answer lacks stays; what it names as gone goes');
  t.strictSame([...recorder.seen!.resources.endpoints.keys()].sort(), ['b'], 'and what only that asked for goes with it');
  await server.push('listeners', { l: httpListener('l', 'r') });
  t.match((await server.subscription('routes')).request, { resourceNamesSubscribe: ['r'] });
  await server.push('routes', { r: table('r') });
  await server.push('listeners', {}, ['l']);
  t.match((await server.subscription('routes')).request, { resourceNamesSubscribe: [], resourceNamesUnsubscribe: ['r'] });
  t.equal(recorder.seen!.resources.routes.size, 0);
});

t.test('a resource that is asked for and is not there is not waited for; it may come later', async (t) => {
  const { server, recorder } = await begin(t);
  await server.push('clusters', { a: eds('a') });
  await server.push('listeners', {});
  t.equal(recorder.seen?.info.settled, false);
  await server.push('endpoints', {}, ['a']);
  t.match(recorder.seen?.info, { settled: true, complete: { endpoints: true } });
  await server.push('endpoints', { a: assignment('a') });
  t.ok(recorder.seen?.resources.endpoints.has('a'));
  await server.push('endpoints', {}, ['a', 'stranger']);
  t.notOk(recorder.seen?.resources.endpoints.has('a'), 'and goes when the control plane says so');
});

t.test('a bad resource is rejected by name with its reason, the others are in force, and its last good version stays', async (t) => {
  const { server, recorder } = await begin(t);
  await server.push('listeners', { one: listener('one') });
  const nack = await server.push('listeners', { two: listener('two'), bad: listener('bad'), three: listener('other'), four: { typeUrl: listener('').typeUrl, value: Buffer.from([0xff]) } });
  t.match(nack.errorDetail, { code: status.INVALID_ARGUMENT, message: /^LDS: "bad": the test refuses it; "three": resources\[2\] is called "other" in itself; "four": resources\[3\] cannot be decoded/ });
  t.strictSame([...recorder.seen!.resources.listeners.keys()].sort(), ['one', 'two']);
  t.match(recorder.status, { code: 'KM_XDS_REJECTED' });
  await server.push('listeners', {}, ['bad', 'one']);
  t.match(recorder.status, { code: undefined });
  t.strictSame([...recorder.seen!.resources.listeners.keys()].sort(), ['two']);
});

t.test('a name that is there twice is rejected', async (t) => {
  const { server, recorder } = await begin(t);
  await server.push('clusters', { a: eds('a') });
  const twice = await server.push('clusters', { a: eds('a', 'x'), b: eds('b'), ' a': eds('a') });
  t.match(twice.errorDetail?.message, /" a": resources\[2\] is called "a" in itself/);
  t.strictSame([...recorder.seen!.resources.clusters.keys()].sort(), ['a', 'b']);
});

t.test('comes back with the versions that it holds, and takes what changed and what went meanwhile', async (t) => {
  const { server, recorder } = await begin(t);
  server.serve({ clusters: { a: eds('a'), b: eds('b'), old: eds('old') }, endpoints: { a: assignment('a'), b: assignment('b'), old: assignment('old') }, listeners: { l: listener('l') } });
  const { resources: before } = await recorder.resources(({ resources, info }) => info.settled && resources.endpoints.size === 3);
  server.stop();
  await recorder.until(({ connected }) => !connected);
  t.equal(recorder.seen?.resources.clusters, before.clusters, 'nothing is lost without a stream');
  server.serve({ clusters: { a: eds('a'), b: eds('b', 'changed') }, endpoints: { a: assignment('a'), b: assignment('b', 1) }, listeners: { l: listener('l') } });
  await server.start();
  const cds = await server.subscription('clusters', 2);
  t.strictSame(Object.keys(cds.request.initialResourceVersions).sort(), ['a', 'b', 'old']);
  t.match((await server.subscription('endpoints', 2)).request, { resourceNamesSubscribe: ['a', 'b', 'old'], initialResourceVersions: { a: /^v/, b: /^v/, old: /^v/ } });
  const { resources: after } = await recorder.resources(({ resources }) => !resources.clusters.has('old') && resources.endpoints.get('b')?.endpoints[0]?.priority === 1);
  t.equal(after.clusters.get('a'), before.clusters.get('a'), 'what did not change was not sent and is the same object');
  t.equal(after.clusters.get('b')?.altStatName, 'changed');
  t.equal(after.listeners, before.listeners);
});

t.test('versions that a control plane does not tell are told back empty: it learns which names are held', async (t) => {
  const { server, recorder } = await begin(t);
  await server.push('clusters', { a: eds('a') });
  server.stop();
  await recorder.until(({ connected }) => !connected);
  await server.start();
  t.strictSame((await server.subscription('clusters', 2)).request.initialResourceVersions, { a: '' });
});

t.test('a rejected resource is not among the versions that are held', async (t) => {
  const { server, recorder } = await begin(t);
  await server.push('listeners', { one: listener('one'), bad: listener('bad') }, [], 'v1');
  server.stop();
  await recorder.until(({ connected }) => !connected);
  await server.start();
  t.strictSame((await server.subscription('listeners', 2)).request.initialResourceVersions, { one: 'v1' });
});

t.test('a control plane that does not speak it: KM_XDS_PROTOCOL names the option', async (t) => {
  const server = new AdsServer();
  await server.start();
  t.teardown(() => server.stop());
  const recorder = connect(t, server.address);
  t.match(await recorder.until(({ code }) => code !== undefined), { code: 'KM_XDS_PROTOCOL', reason: /--xds-protocol/ });
});

t.test('a message that is none of its kind: another stream, resources kept', async (t) => {
  const { server, recorder } = await begin(t);
  await server.push('clusters', { a: eds('a') }, [], 'v1');
  server.send(Buffer.from([0x12, 0xff]));
  t.match(await recorder.until(({ connected }) => !connected), { code: 'KM_XDS_PROTOCOL' });
  t.match((await server.subscription('clusters', 2)).request, { initialResourceVersions: { a: 'v1' } });
  t.ok(recorder.seen?.resources.clusters.has('a'));
});
