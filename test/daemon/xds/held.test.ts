// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { whole } from '../../../daemon/model/slices.js';
import { Cluster, Cluster_DiscoveryType } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { RouteConfiguration } from '../../../daemon/proto/envoy/config/route/v3/route.js';
import { readRouteConfiguration } from '../../../daemon/xds/frames.js';
import { heldAsBytes } from '../../../daemon/xds/held.js';

const hold = heldAsBytes(Cluster, 'name');
const cluster = (name: string, altStatName: string): Cluster =>
  Cluster.fromPartial({ name, altStatName, clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS }, edsClusterConfig: { serviceName: 's' }, connectTimeout: { seconds: 10n, nanos: 1 } });

const held = (message: Cluster): Cluster => hold(message, Cluster.encode(message).finish());

t.test('each field of a message that is held is that of the message', async (t) => {
  const messages = [cluster('a', '\u00fc\u4e16'), cluster('b', 'x')];
  const kept = messages.map(held);
  for (let turn = 0; turn < 2; turn += 1) {
    for (const [i, message] of messages.entries()) {
      for (const field of Object.keys(message) as (keyof Cluster)[]) t.strictSame(kept[i]![field], message[field], field);
      t.strictSame(Cluster.encode(kept[i]!).finish(), Cluster.encode(message).finish());
    }
  }
});

t.test('nothing of the buffer that it came in is used any more', async (t) => {
  const message = ClusterLoadAssignment.fromPartial({ clusterName: 'a', endpoints: [{ priority: 3 }] });
  const bytes = Buffer.from(ClusterLoadAssignment.encode(message).finish());
  const kept = heldAsBytes(ClusterLoadAssignment, 'clusterName')(message, bytes);
  bytes.fill(0xff);
  t.equal(kept.endpoints[0]?.priority, 3);
});

t.test('virtual hosts of a route table are made anew for who looks at them, and can be looked at again', async (t) => {
  const config = RouteConfiguration.fromPartial({ name: 'r', ignorePortInHostMatching: true, virtualHosts: [{ name: 'h', domains: ['a', 'b'] }, { name: 'i', domains: ['*'] }] });
  const bytes = Buffer.from(RouteConfiguration.encode(config).finish());
  const { resource, heads } = whole(readRouteConfiguration(bytes));
  bytes.fill(0xff);
  t.strictSame(heads, [{ name: 'h', domains: ['a', 'b'] }, { name: 'i', domains: ['*'] }]);
  t.strictSame([...resource.virtualHosts], config.virtualHosts);
  t.strictSame([...resource.virtualHosts], config.virtualHosts);
  t.match({ ...resource, virtualHosts: [] }, { name: 'r', ignorePortInHostMatching: true });
});
