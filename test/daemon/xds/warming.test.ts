// SPDX-License-Identifier: Apache-2.0
// What is in force while a part of a change has not come.
import t, { type Test } from 'tap';
import { Cluster, Cluster_DiscoveryType } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { RouteConfiguration } from '../../../daemon/proto/envoy/config/route/v3/route.js';
import type { Any } from '../../../daemon/proto/google/protobuf/any.js';
import type { ResourceKind } from '../../../daemon/xds/kinds.js';
import { Publisher } from '../../../daemon/xds/publisher.js';
import { FakeClock } from '../../helpers/fakeClock.js';
import { packed } from '../../helpers/adsServer.js';
import { XdsRecorder, plainValidators } from '../../helpers/xdsRecorder.js';
import { httpListener } from './resources.js';

const HOLD = 1000;
const TIMEOUT = 15_000;

const eds = (name: string, serviceName = '', seconds?: number): Any =>
  packed.cluster(
    Cluster.fromPartial({
      name,
      clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS },
      edsClusterConfig: { serviceName, edsConfig: seconds === undefined ? undefined : { initialFetchTimeout: { seconds: BigInt(seconds), nanos: 0 } } },
    }),
  );
const assignment = (clusterName: string): Any => packed.endpoints(ClusterLoadAssignment.fromPartial({ clusterName }));
const table = (name: string): Any => packed.route(RouteConfiguration.fromPartial({ name }));

interface World {
  readonly clock: FakeClock;
  readonly recorder: XdsRecorder;
  push(kind: ResourceKind, ...resources: Any[]): Promise<void>;
  /** The control plane says that there is no such resource. */
  remove(kind: ResourceKind, name: string): Promise<void>;
}

/** A mesh of cluster `a` with endpoints and listener `l` with routes, in force. */
async function begin(t: Test): Promise<World> {
  const clock = new FakeClock();
  const recorder = new XdsRecorder();
  const publisher = new Publisher(recorder, plainValidators, { clock, random: () => 0, lookup: async () => ({ addresses: [], ttlMs: undefined }) });
  t.teardown(() => publisher.stop());
  publisher.opened();
  const push = async (kind: ResourceKind, ...resources: Any[]): Promise<void> => {
    publisher.pushed(await publisher.open({ kind, version: '', nonce: '', resources: resources.map((any) => ({ any, named: undefined })), removed: undefined }));
  };
  const remove = async (kind: ResourceKind, name: string): Promise<void> => void publisher.pushed(await publisher.open({ kind, version: '', nonce: '', resources: [], removed: [name] }));
  await push('clusters', eds('a'));
  await push('listeners', httpListener('l', 'r'));
  await push('endpoints', assignment('a'));
  t.notOk(recorder.seen?.info.usable);
  await push('routes', table('r'));
  t.ok(recorder.seen?.info.usable);
  return { clock, recorder, push, remove };
}

const names = (map: ReadonlyMap<string, unknown>): string[] => [...map.keys()].sort();

t.test('a change is held together for a while', async (t) => {
  const { clock, recorder, push } = await begin(t);
  await push('clusters', eds('a'), eds('b'));
  clock.advance(HOLD - 1);
  t.notOk(recorder.seen?.info.usable);
  await push('endpoints', assignment('b'));
  t.match(recorder.seen?.info, { usable: true, settled: true });
  clock.advance(TIMEOUT);
  t.ok(recorder.seen?.resources.clusters.has('b'));
});

t.test('then a new cluster waits for its endpoints alone, and the others go on', async (t) => {
  const { clock, recorder, push } = await begin(t);
  await push('clusters', eds('a'), eds('b'), eds('c'));
  await push('endpoints', assignment('c'));
  clock.advance(HOLD);
  t.match(recorder.seen?.info, { usable: true, settled: false });
  t.strictSame(names(recorder.seen!.resources.clusters), ['a', 'c']);
  const before = recorder.seen!.resources.endpoints.get('a');
  await push('endpoints', packed.endpoints(ClusterLoadAssignment.fromPartial({ clusterName: 'a', endpoints: [{ priority: 1 }] })));
  t.ok(recorder.seen?.info.usable, 'later changes are not held back by it');
  t.not(recorder.seen!.resources.endpoints.get('a'), before);
  clock.advance(TIMEOUT);
  t.ok(recorder.seen?.info.settled);
  t.strictSame(names(recorder.seen!.resources.clusters), ['a', 'b', 'c'], 'what never came is not waited for any longer');
});

t.test('a cluster whose endpoints get another name stays as it was until they come', async (t) => {
  const { clock, recorder, push } = await begin(t);
  await push('clusters', eds('a', 'elsewhere'));
  clock.advance(HOLD);
  const { clusters, endpoints } = recorder.seen!.resources;
  t.equal(clusters.get('a')?.edsClusterConfig?.serviceName, '');
  t.ok(endpoints.has('a'), 'with its endpoints, though nobody asks for them any more');
  await push('endpoints', assignment('elsewhere'));
  t.equal(recorder.seen!.resources.clusters.get('a')?.edsClusterConfig?.serviceName, 'elsewhere');
  t.notOk(recorder.seen!.resources.endpoints.has('a'));
});

t.test('endpoints and routes that are taken away are gone, whoever waits meanwhile', async (t) => {
  const { clock, recorder, push, remove } = await begin(t);
  await push('clusters', eds('a'), eds('b'));
  await push('listeners', httpListener('l', 'r'), httpListener('new', 'other'));
  clock.advance(HOLD);
  await remove('endpoints', 'a');
  await remove('routes', 'r');
  const { clusters, endpoints, listeners, routes } = recorder.seen!.resources;
  t.match(recorder.seen?.info, { usable: true, settled: false });
  t.strictSame([names(clusters), names(listeners)], [['a'], ['l']]);
  t.strictSame([names(endpoints), names(routes)], [[], []]);
});

t.test('a listener waits for its routes', async (t) => {
  const { clock, recorder, push } = await begin(t);
  const before = recorder.seen!.resources.listeners.get('l');
  await push('listeners', httpListener('l', 'other'), httpListener('new', 'other'));
  clock.advance(HOLD);
  const { listeners, routes } = recorder.seen!.resources;
  t.strictSame(names(listeners), ['l']);
  t.equal(listeners.get('l'), before);
  t.ok(routes.has('r'));
  await push('routes', table('other'));
  t.strictSame(names(recorder.seen!.resources.listeners), ['l', 'new']);
  t.notOk(recorder.seen!.resources.routes.has('r'));
});

t.test('a cluster says itself how long its endpoints are waited for', async (t) => {
  const { clock, recorder, push } = await begin(t);
  await push('clusters', eds('a'), eds('hasty', '', 2), eds('forever', '', 0));
  clock.advance(2000);
  t.strictSame(names(recorder.seen!.resources.clusters), ['a', 'hasty']);
  clock.advance(TIMEOUT - 2000);
  t.strictSame(names(recorder.seen!.resources.clusters), ['a', 'forever', 'hasty'], 'for ever counts as the usual time');
});

t.test('the first configuration is waited for as a whole', async (t) => {
  const clock = new FakeClock();
  const recorder = new XdsRecorder();
  const publisher = new Publisher(recorder, plainValidators, { clock, random: () => 0, lookup: async () => ({ addresses: [], ttlMs: undefined }) });
  t.teardown(() => publisher.stop());
  publisher.opened();
  publisher.pushed(await publisher.open({ kind: 'clusters', version: '', nonce: '', resources: [{ any: eds('a'), named: undefined }], removed: undefined }));
  clock.advance(TIMEOUT - 1);
  t.notOk(recorder.seen?.info.usable);
  clock.advance(1);
  t.match(recorder.seen?.info, { usable: true, complete: { endpoints: false } });
});
