// SPDX-License-Identifier: Apache-2.0
// Every file of real resources is read, and holds what was counted by hand. Counts of config dumps: jq over
// the sections, `[.configs[]|.static_listeners//.staticListeners//[]|length]|add` plus the same for
// dynamic_listeners, static_clusters, dynamic_active_clusters, dynamic_route_configs and
// dynamic_endpoint_configs. Of the others: `grep -c '^- '` for YAML lists, jq `.staticResources.listenerConfigs|length`.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { Listener } from '../../../daemon/proto/envoy/config/listener/v3/listener.js';
import { HttpConnectionManager } from '../../../daemon/proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { TcpProxy } from '../../../daemon/proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import { parseFile } from '../../../daemon/xds/parse.js';
import { whole } from '../../../daemon/model/slices.js';
import { ResourceStore } from '../../../daemon/xds/store.js';
import { modelValidators } from '../../helpers/modelValidators.js';

const folder = '../shared/fixtures/xds';
const skip = existsSync(folder) ? false : `${folder} is not there`;

type Counts = readonly [clusters: number, endpoints: number, listeners: number, routes: number];

const expected: Readonly<Record<string, Counts>> = {
  'istio/details_config_dump.2021-06.json': [28, 0, 18, 6],
  'istio/echo-app_config_dump.2020-12.json': [87, 0, 53, 11],
  'istio/endpoints_config_dump.2022-09.json': [0, 32, 0, 0],
  'istio/productpage-mtls-ipv6.2020-03.json': [18, 0, 7, 1],
  'istio/productpage_config_dump.2020-04.json': [58, 0, 40, 14],
  'kmesh-native/oe_test_base_function.json': [1, 0, 1, 1],
  'kmesh-native/oe_test_dark_launch_function.json': [2, 0, 1, 1],
  'kmesh-native/oe_test_lb_policy_function.json': [1, 0, 1, 1],
  'kmesh-native/oe_test_route_function.json': [2, 0, 1, 1],
  'kmesh-native/oe_test_tcp_proxy_weight_cluster_function.json': [2, 0, 1, 0],
  ...gateway('circuit-breaker', [1, 1, 1, 1]),
  ...gateway('http-route', [1, 1, 1, 1]),
  ...gateway('http-route-multiple-matches', [7, 7, 1, 1]),
  ...gateway('http-route-redirect', [1, 1, 1, 1]),
  ...gateway('http-route-regex', [1, 1, 1, 1]),
  ...gateway('http-route-weighted-backend', [1, 1, 1, 1]),
  ...gateway('load-balancer', [17, 17, 1, 1]),
  ...gateway('tcp-route-weighted-backend', [1, 1, 1, 0]),
};

/** One file a kind. */
function gateway(name: string, [clusters, endpoints, listeners, routes]: Counts): Record<string, Counts> {
  const file = (kind: string): string => `envoy-gateway/${name}.${kind}.yaml`;
  return {
    [file('clusters')]: [clusters, 0, 0, 0],
    [file('endpoints')]: [0, endpoints, 0, 0],
    [file('listeners')]: [0, 0, listeners, 0],
    [file('routes')]: [0, 0, 0, routes],
  };
}

function load(file: string) {
  const { resources, notes } = parseFile(file, readFileSync(path.join(folder, file), 'utf8'));
  const store = new ResourceStore(modelValidators);
  const outcomes = whole(store.load(resources));
  return { notes, rejected: Object.values(outcomes).flatMap(({ rejected }) => rejected), ...store.snapshot(), wanted: (kind: 'endpoints' | 'routes') => store.wanted(kind).keys(), hosts: store.hosts };
}

t.test('every file of the folder is counted', { skip }, async (t) => {
  const files = readdirSync(folder).flatMap((kind) => readdirSync(path.join(folder, kind)).map((file) => `${kind}/${file}`));
  t.strictSame(files.sort(), Object.keys(expected).sort());
});

for (const [file, counts] of Object.entries(expected)) {
  t.test(file, { skip }, async (t) => {
    const { clusters, endpoints, listeners, routes, rejected, notes } = load(file);
    t.strictSame([clusters.size, endpoints.size, listeners.size, routes.size], counts);
    t.strictSame([rejected, notes], [[], []]);
  });
}

/** Type URLs and contents of a listener's network filters. */
const filtersOf = (listener: Listener | undefined) =>
  listener?.filterChains.flatMap(({ filters }) => filters.map(({ configType }) => (configType?.$case === 'typedConfig' ? configType.value : undefined))) ?? [];
const ends = (end: string) => (any: { typeUrl: string } | undefined) => any?.typeUrl.endsWith(end) === true;

t.test('v2: filters without a type, hosts, a static listener without a name', { skip }, async (t) => {
  const { clusters, listeners, routes, wanted, hosts } = load('istio/echo-app_config_dump.2020-12.json');
  const filters = filtersOf(listeners.get('10.40.3.59_8080'));
  t.ok(filters.length > 0 && filters.every(ends('.http_connection_manager.v3.HttpConnectionManager')));
  t.strictSame([...hosts.keys()].sort(), ['istio-pilot.istio-system', 'zipkin.istio-system']);
  t.match(clusters.get('prometheus_stats')?.loadAssignment, {
    endpoints: [{ lbEndpoints: [{ hostIdentifier: { value: { address: { address: { value: { address: '127.0.0.1', portSpecifier: { value: 15000 } } } } } } }] }],
  });
  const stats = filtersOf(listeners.get('0.0.0.0_15090'))[0]!;
  t.match(HttpConnectionManager.decode(stats.value), { routeSpecifier: { $case: 'routeConfig' }, httpFilters: [{ name: 'envoy.router' }] });
  for (const name of wanted('routes')) t.ok(routes.has(name), `table ${name} is there`);
});

t.test('filters whose types nobody here knows keep their type URL', { skip }, async (t) => {
  const { listeners } = load('istio/details_config_dump.2021-06.json');
  const managers = [...listeners.values()].flatMap(filtersOf).filter(ends('.HttpConnectionManager'));
  const types = managers.flatMap((any) => HttpConnectionManager.decode(any!.value).httpFilters.map(({ configType }) => (configType?.$case === 'typedConfig' ? configType.value.typeUrl : '')));
  t.ok(types.includes('type.googleapis.com/istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig'));
});

t.test('the dialect of Kmesh: addresses and ports in network byte order, filters without types', { skip }, async (t) => {
  const { clusters, listeners } = load('kmesh-native/oe_test_tcp_proxy_weight_cluster_function.json');
  const listener = listeners.get('127.0.0.1_9081');
  // 9563 is 0x255b; the test that goes with the file connects to 0x5b25 = 23333.
  t.match(listener?.address?.address, { value: { address: '127.0.0.1', portSpecifier: { $case: 'portValue', value: 23333 } } });
  t.match(TcpProxy.decode(filtersOf(listener)[0]!.value).clusterSpecifier, {
    $case: 'weightedClusters',
    value: { clusters: [{ name: 'outbound|9080|v1|details.default.svc.cluster.local', weight: 80 }, { name: 'outbound|9080|v2|details.default.svc.cluster.local', weight: 20 }] },
  });
  t.match(clusters.get('outbound|9080|v2|details.default.svc.cluster.local')?.loadAssignment, {
    endpoints: [{ loadBalancingWeight: 1, lbEndpoints: [{ hostIdentifier: { value: { address: { address: { value: { address: '127.0.0.1', portSpecifier: { value: 11488 } } } } } } }] }],
  });
});

t.test('the dialect of Kmesh: route tables are asked for by name', { skip }, async (t) => {
  const { routes, wanted } = load('kmesh-native/oe_test_route_function.json');
  t.strictSame([...wanted('routes')], ['9080']);
  t.match([...routes.get('9080')!.virtualHosts][0]?.routes[0]?.match?.headers, [{ name: 'end-user', headerMatchSpecifier: { $case: 'exactMatch', value: 'jason' } }]);
});

t.test('health, weights and priorities of endpoints survive', { skip }, async (t) => {
  const { endpoints } = load('envoy-gateway/http-route.endpoints.yaml');
  t.match(endpoints.get('first-route-dest')?.endpoints[0]?.lbEndpoints, [{ healthStatus: 0, loadBalancingWeight: 1 }, { healthStatus: 3 }]);
});
