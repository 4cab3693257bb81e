// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { Cluster, Cluster_DiscoveryType } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../../../daemon/proto/envoy/config/listener/v3/listener.js';
import { RouteConfiguration } from '../../../daemon/proto/envoy/config/route/v3/route.js';
import { Resource } from '../../../daemon/proto/envoy/service/discovery/v3/discovery.js';
import type { Any } from '../../../daemon/proto/google/protobuf/any.js';
import { describeRejections } from '../../../daemon/xds/answer.js';
import { whole } from '../../../daemon/model/slices.js';
import type { ResourceKind } from '../../../daemon/xds/kinds.js';
import { ResourceStore, type Outcome } from '../../../daemon/xds/store.js';
import { packed } from '../../helpers/adsServer.js';
import { plainValidators } from '../../helpers/xdsRecorder.js';
import { httpListener } from './resources.js';

const eds = (name: string, serviceName = ''): Any =>
  packed.cluster(Cluster.fromPartial({ name, clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS }, edsClusterConfig: { serviceName } }));
const assignment = (clusterName: string, port = 80): Any =>
  packed.endpoints(
    ClusterLoadAssignment.fromPartial({
      clusterName,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { $case: 'endpoint', value: { address: { address: { $case: 'socketAddress', value: { address: '192.0.2.1', portSpecifier: { $case: 'portValue', value: port } } } } } } }] }],
    }),
  );
const http = (name: string, routes: string): Any => httpListener(name, routes);
const table = (name: string, host = '*'): Any => packed.route(RouteConfiguration.fromPartial({ name, virtualHosts: [{ domains: [host] }] }));
const garbage = (typeUrl: string): Any => ({ typeUrl, value: Buffer.from([0xff, 0xff, 0xff, 0xff]) });

/** Takes answers of state-of-the-world discovery at one go. */
class Store extends ResourceStore {
  apply(kind: ResourceKind, resources: readonly Any[]): Outcome {
    return this.take(whole(this.open({ kind, version: '', nonce: '', resources: resources.map((any) => ({ any, named: undefined })), removed: undefined })));
  }
}

const filled = (): Store => {
  const store = new Store(plainValidators);
  store.apply('clusters', [eds('a'), eds('b', 'b-service'), eds('c')]);
  store.apply('listeners', [http('l', 'r')]);
  store.apply('endpoints', [assignment('a'), assignment('b-service'), assignment('c')]);
  store.apply('routes', [table('r')]);
  return store;
};

t.test('clusters and listeners are removed by absence, and with them what only they asked for', async (t) => {
  const store = filled();
  t.strictSame([...store.snapshot().endpoints.keys()].sort(), ['a', 'b-service', 'c']);
  store.apply('clusters', [eds('a')]);
  store.apply('listeners', []);
  const { clusters, endpoints, listeners, routes } = store.snapshot();
  t.strictSame([...clusters.keys()], ['a']);
  t.strictSame([...endpoints.keys()], ['a']);
  t.equal(listeners.size, 0);
  t.equal(routes.size, 0);
});

t.test('load assignments and route tables are changed by name; absence means nothing', async (t) => {
  const store = filled();
  const before = store.snapshot();
  store.apply('endpoints', [assignment('b-service', 81)]);
  store.apply('routes', []);
  const after = store.snapshot();
  t.strictSame([...after.endpoints.keys()].sort(), ['a', 'b-service', 'c']);
  t.not(after.endpoints.get('b-service'), before.endpoints.get('b-service'));
  t.equal(after.endpoints.get('a'), before.endpoints.get('a'));
  t.equal(after.routes, before.routes);
});

t.test('what nobody asked for is not taken in', async (t) => {
  const store = filled();
  store.apply('endpoints', [assignment('stranger')]);
  store.apply('routes', [table('stranger')]);
  t.notOk(store.snapshot().endpoints.has('stranger'));
  t.notOk(store.snapshot().routes.has('stranger'));
});

t.test('the same bytes are the same object, in the same map', async (t) => {
  const store = filled();
  const before = store.snapshot();
  t.notOk(store.apply('clusters', [eds('c'), eds('b', 'b-service'), eds('a')]).changed);
  t.notOk(store.apply('endpoints', [assignment('a')]).changed);
  t.equal(store.snapshot().clusters, before.clusters);
  store.apply('clusters', [eds('a'), eds('b', 'other'), eds('c')]);
  t.equal(store.snapshot().clusters.get('a'), before.clusters.get('a'));
  t.not(store.snapshot().clusters.get('b'), before.clusters.get('b'));
  t.equal(before.clusters.get('b')?.edsClusterConfig?.serviceName, 'b-service', 'an earlier snapshot does not change');
});

t.test('a resource that goes back to earlier bytes is taken again', async (t) => {
  const store = filled();
  store.apply('endpoints', [assignment('a', 81)]);
  t.ok(store.apply('endpoints', [assignment('a', 80)]).changed);
});

t.test('a bad resource leaves the good ones of its answer alone and keeps its own last good version', async (t) => {
  const store = new Store({ ...plainValidators, clusters: ({ edsClusterConfig }) => (edsClusterConfig?.serviceName === 'wrong' ? 'wrong service' : undefined) });
  store.apply('clusters', [eds('a'), eds('b')]);
  const { rejected } = store.apply('clusters', [eds('a', 'wrong'), eds('c')]);
  t.strictSame(rejected, [{ name: 'a', reason: 'wrong service' }]);
  t.strictSame([...store.snapshot().clusters.keys()].sort(), ['a', 'c']);
  t.equal(store.snapshot().clusters.get('a')?.edsClusterConfig?.serviceName, '');
});

t.test('when a resource cannot even be named, none is removed', async (t) => {
  const store = filled();
  const { rejected } = store.apply('clusters', [eds('d'), garbage('type.googleapis.com/envoy.config.cluster.v3.Cluster')]);
  t.match(rejected, [{ name: undefined, reason: /^resources\[1\] cannot be decoded/ }]);
  t.strictSame([...store.snapshot().clusters.keys()].sort(), ['a', 'b', 'c', 'd']);
});

t.test('a name that is there twice is refused: which one is meant cannot be known', async (t) => {
  const store = filled();
  const { rejected } = store.apply('endpoints', [assignment('a', 81), assignment('c', 81), assignment('a', 82)]);
  t.match(rejected, [{ name: 'a', reason: /more than once/ }]);
  t.ok(store.answered('endpoints', 'a'));
});

t.test('answered: held, or refused', async (t) => {
  const store = new Store(plainValidators);
  store.apply('clusters', [eds('bad-one-of-eds', 'bad-service'), eds('fine', 'bad-service'), eds('x')]);
  t.notOk(store.answered('endpoints', 'bad-service'));
  store.apply('endpoints', [assignment('bad-service'), assignment('bad-stranger')]);
  t.ok(store.answered('endpoints', 'bad-service'), 'a refused answer is an answer');
  t.notOk(store.answered('endpoints', 'bad-stranger'), 'of names that were asked for only');
  store.apply('clusters', [eds('x')]);
  store.apply('clusters', [eds('fine', 'bad-service')]);
  t.notOk(store.answered('endpoints', 'bad-service'), 'and it ends with the question');
});

t.test('names of what was refused are not kept longer than somebody names them', async (t) => {
  const refusing = { ...plainValidators, clusters: () => 'no', endpoints: () => 'no' };
  const store = new Store(refusing);
  store.apply('clusters', [eds('gone')]);
  store.apply('clusters', []);
  t.notOk(store.answered('clusters', 'gone'), 'state of the world');
  store.take(whole(store.open({ kind: 'clusters', version: '', nonce: '', resources: [{ any: eds('lost'), named: { name: 'lost', version: '1' } }], removed: [] })));
  t.notOk(store.answered('clusters', 'lost'), 'incremental: after another connection nobody says that it was removed');
  const nothing = { clusters: [], endpoints: [], listeners: [], routes: [] };
  whole(store.load({ ...nothing, endpoints: [assignment('a')] }));
  t.ok(store.answered('endpoints', 'a'), 'files name it');
  whole(store.load(nothing));
  t.notOk(store.answered('endpoints', 'a'));
});

for (const [what, resource, reason] of [
  ['of another type', assignment('a'), /resources\[0\] is of type ".*ClusterLoadAssignment"/],
  ['without a name', packed.cluster(Cluster.fromPartial({})), /has no name/],
  ['in an empty wrapper', { typeUrl: 'type.googleapis.com/envoy.service.discovery.v3.Resource', value: Buffer.alloc(0) }, /is of type ""/],
] as const) {
  t.test(`refuses a resource ${what}`, async (t) => {
    const { rejected } = new Store(plainValidators).apply('clusters', [resource]);
    t.match(rejected, [{ reason }]);
  });
}

function varint(value: number): number[] {
  return value > 0x7f ? [(value & 0x7f) | 0x80, ...varint(value >>> 7)] : [value];
}

/** A field, in protobuf's wire format. */
const field = (number: number, value: Uint8Array): Buffer => Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(value.length)]), value]);

/** Metadata with so many google.protobuf.Struct in each other. */
function nested(levels: number): Buffer {
  let struct: Buffer = Buffer.alloc(0);
  for (let i = 0; i < levels; i += 1) struct = field(1, Buffer.concat([field(1, Buffer.from('a')), field(2, field(5, struct))]));
  return field(1, Buffer.concat([field(1, Buffer.from('a')), field(2, struct)]));
}

t.test('messages nested deeper than may be opened are refused by name', async (t) => {
  // Field number of the metadata: envoy/config/cluster/v3/cluster.proto.
  const deep = (levels: number): Any => ({ typeUrl: eds('').typeUrl, value: Buffer.concat([eds('deep').value, field(25, nested(levels))]) });
  const store = new Store(plainValidators);
  t.strictSame(store.apply('clusters', [deep(20)]).rejected, []);
  t.match(store.apply('clusters', [deep(400)]).rejected, [{ name: 'deep', reason: /cannot be decoded/ }]);
  t.ok(store.entries('clusters').has('deep'), 'the last good one stays');
});

t.test('a listener whose connection manager is garbage is refused', async (t) => {
  const typed = { typeUrl: 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', value: Buffer.from([0xff]) };
  const listener = packed.listener(Listener.fromPartial({ name: 'l', filterChains: [{ filters: [{ configType: { $case: 'typedConfig', value: typed } }] }] }));
  t.match(new Store(plainValidators).apply('listeners', [listener]).rejected, [{ name: 'l' }]);
});

t.test('a wrapped resource is opened', async (t) => {
  const store = new Store(plainValidators);
  const value = Buffer.from(Resource.encode(Resource.fromPartial({ name: 'a', resource: eds('a') })).finish());
  store.apply('clusters', [{ typeUrl: 'type.googleapis.com/envoy.service.discovery.v3.Resource', value }]);
  t.ok(store.snapshot().clusters.has('a'));
});

t.test('host names of STRICT_DNS and LOGICAL_DNS clusters are collected, addresses and those of other clusters are not', async (t) => {
  const dns = (name: string, type: Cluster_DiscoveryType, host: string): Any =>
    packed.cluster(
      Cluster.fromPartial({
        name,
        clusterDiscoveryType: { $case: 'type', value: type },
        loadAssignment: { endpoints: [{ lbEndpoints: [{ hostIdentifier: { $case: 'endpoint', value: { address: { address: { $case: 'socketAddress', value: { address: host } } } } } }] }] },
      }),
    );
  const { STRICT_DNS, LOGICAL_DNS, STATIC } = Cluster_DiscoveryType;
  const store = new Store(plainValidators);
  store.apply('clusters', [dns('a', STRICT_DNS, 'a.example'), dns('b', LOGICAL_DNS, 'b.example'), dns('c', STATIC, 'c.example'), dns('d', STRICT_DNS, '192.0.2.1')]);
  t.strictSame([...store.hosts.keys()], ['a.example', 'b.example']);
});

t.test('of two clusters with one host name the sooner look-up counts', async (t) => {
  const dns = (name: string, more: Parameters<typeof Cluster.fromPartial>[0]): Any =>
    packed.cluster(
      Cluster.fromPartial({
        name,
        clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.STRICT_DNS },
        loadAssignment: { endpoints: [{ lbEndpoints: [{ hostIdentifier: { $case: 'endpoint', value: { address: { address: { $case: 'socketAddress', value: { address: 'db.example' } } } } } }] }] },
        ...more,
      }),
    );
  const store = new Store(plainValidators);
  store.apply('clusters', [dns('a', { dnsRefreshRate: { seconds: 60n, nanos: 0 } }), dns('b', { respectDnsTtl: true }), dns('c', { dnsRefreshRate: { seconds: 20n, nanos: 0 } })]);
  t.strictSame(store.hosts.get('db.example'), { fixedMs: 20_000, withoutTtlMs: 5000, failure: { firstMs: 5000, lastMs: 5000 } });
});

t.test('files are the whole of every kind, asked for or not', async (t) => {
  const store = new Store(plainValidators);
  const outcomes = whole(store.load({ clusters: [], endpoints: [assignment('a'), assignment('bad')], listeners: [], routes: [table('r')] }));
  t.match(outcomes.endpoints.rejected, [{ name: 'bad' }]);
  t.strictSame([...store.snapshot().endpoints.keys()], ['a']);
  whole(store.load({ clusters: [], endpoints: [], listeners: [], routes: [] }));
  t.equal(store.snapshot().endpoints.size, 0);
});

t.test('what a control plane is told stays short, however much is wrong', async (t) => {
  const rejected = Array.from({ length: 5000 }, (_, index) => ({ name: `${index}${'n'.repeat(5000)}`, reason: 'r'.repeat(5000) }));
  const text = describeRejections('listeners', rejected);
  t.match(text, /^LDS: "0n/);
  t.match(text, /and 4980 more$/);
  t.ok(Buffer.byteLength(text) < 16_000, `${text.length} characters`);
});
