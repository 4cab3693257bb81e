// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { validateCluster, validateEndpoints, validateListener, validateRoute } from '../../../daemon/model/validate.js';
import { Cluster_DiscoveryType } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { assignment, at, cluster, eds, filter, lbEndpoint, listener, passthrough, prefixRoute, routeTable, tcpTo, virtualHost } from './protos.js';
import { captures, Snapshot } from './captures.js';

const ok = (name: string) => listener({ name, address: at('10.0.0.1', 80), filterChains: [{ filters: [tcpTo('a')] }] });
const inline = (address: string) => ({ loadAssignment: assignment('a', { lbEndpoints: [lbEndpoint(address, 80)] }) });

const cases: [name: string, problem: string | undefined, expected: RegExp | undefined][] = [
  ['a listener', validateListener(ok('l')), undefined],
  ['a listener with an unknown filter', validateListener(listener({ ...ok('l'), filterChains: [{ filters: [filter('x', 'no.such/Type', Uint8Array.of(0xff))] }] })), undefined],
  ['an internal listener has no address', validateListener(listener({ name: 'l', listenerSpecifier: { $case: 'internalListener', value: {} } })), undefined],
  ['a listener on a pipe', validateListener(listener({ name: 'l', address: { address: { $case: 'pipe', value: { path: '/x' } } } })), undefined],
  ['a listener without a name', validateListener(ok('')), /has no name/],
  ['a listener with an endless name', validateListener(ok('x'.repeat(5000))), /longer than 4096/],
  ['a listener without an address', validateListener(listener({ name: 'l' })), /no address/],
  ['a listener on a name', validateListener(listener({ name: 'l', address: at('host.test', 80) })), /"host.test" is not an IP address/],
  ['an additional address', validateListener(listener({ ...ok('l'), additionalAddresses: [{ address: at('10.0.0.300', 80) }] })), /10.0.0.300/],
  ['a port', validateListener(listener({ name: 'l', address: at('10.0.0.1', 65536) })), /port 65536/],
  ['a destination port', validateListener(listener({ ...ok('l'), filterChains: [{ filterChainMatch: { destinationPort: 70000 } }] })), /destination port 70000/],
  ['a range', validateListener(listener({ ...ok('l'), filterChains: [{ filterChainMatch: { prefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 33 }] } }] })), /10.0.0.0\/33/],
  ['a route table', validateRoute(routeTable('r', [virtualHost(['*'], [prefixRoute('/', 'a')])])), undefined],
  ['a route table without a name', validateRoute(routeTable('', [])), /has no name/],
  ['a virtual host without a name', validateRoute(routeTable('r', [virtualHost(['*'], [], '')])), /virtual host has no name/],
  ['a virtual host without domains', validateRoute(routeTable('r', [virtualHost([], [], 'v')])), /virtual host v has no domains/],
  ['a cluster', validateCluster(eds('c')), undefined],
  ['PassthroughCluster', validateCluster(passthrough), undefined],
  ['a cluster of host names', validateCluster(cluster('c', Cluster_DiscoveryType.STRICT_DNS, inline('host.test'))), undefined],
  ['a static cluster of host names', validateCluster(cluster('c', Cluster_DiscoveryType.STATIC, inline('host.test'))), /"host.test" is not an IP/],
  ['a cluster without a name', validateCluster(eds('')), /has no name/],
  ['a panic threshold', validateCluster(eds('c', { commonLbConfig: { healthyPanicThreshold: { value: 101 } } })), /101 is not a percentage/],
  ['a panic threshold that is no number', validateCluster(eds('c', { commonLbConfig: { healthyPanicThreshold: { value: Number.NaN } } })), /NaN is not a percentage/],
  ['an assignment', validateEndpoints(assignment('c', { lbEndpoints: [lbEndpoint('10.0.0.1', 80)] })), undefined],
  ['an assignment without a name', validateEndpoints(assignment('')), /has no name/],
  ['an endpoint by name', validateEndpoints(assignment('c', { lbEndpoints: [lbEndpoint('host.test', 80)] })), /"host.test"/],
  ['an endpoint without an address', validateEndpoints(assignment('c', { lbEndpoints: [{}] })), /no address/],
  ['an endpoint\'s port', validateEndpoints(assignment('c', { lbEndpoints: [lbEndpoint('10.0.0.1', 99999)] })), /port 99999/],
  ['an endpoint\'s second address', validateEndpoints(assignment('c', { lbEndpoints: [lbEndpoint('10.0.0.1', 80, 0, undefined, ['x'])] })), /"x"/],
  ['a priority', validateEndpoints(assignment('c', { priority: 129 })), /priority 129/],
];

for (const [name, problem, expected] of cases) {
  t.test(name, (t) => {
    if (expected) t.match(problem, expected);
    else t.equal(problem, undefined);
    t.end();
  });
}

t.test('all that a real istiod sent is accepted', captures, (t) => {
  for (const folder of ['sotw', 'dual', 'rich', 'thousand']) {
    const { listeners, routes, clusters, endpoints } = Snapshot.of(folder).resources;
    const problems = [
      ...[...listeners.values()].map(validateListener),
      ...[...routes.values()].map(validateRoute),
      ...[...clusters.values()].map(validateCluster),
      ...[...endpoints.values()].map(validateEndpoints),
    ].filter((problem) => problem !== undefined);
    t.same(problems, [], folder);
  }
  t.end();
});
