// SPDX-License-Identifier: Apache-2.0
// What real configurations of several generations mean for a node. Counted independently of this project's code, with a
// Python script over the JSON that knows both spellings: frontends are the addresses of listeners that are neither
// inbound nor virtualOutbound, plus the addresses among the domains of the route tables that their wildcard listeners
// name, plus filter chains by address (one, to BlackHoleCluster, in the IPv6 dump); endpoints are the IP addresses in the
// clusters' own load assignments (EDS is not in these dumps). `retry_policy` and `timeout` are the route tables
// with such a member, `circuit_breakers` the clusters with a threshold that limits more than connections, `upstream_protocol`,
// `tcp_keepalive`, `upstream_bind_config` and `max_requests_per_connection` the clusters that ask for it, `network_filter`,
// `http_filter` and `rbac` the outbound listeners with a filter of that kind which is more than an observer. The rest
// (inbound_listener, keep_alive, redirect, no_default_route, matches) was counted by reading. Route tables are those that outbound
// listeners name or hold, without those of one service's address, where a request changes nothing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { createModelBuilder } from '../../../daemon/model/build.js';
import { whole } from '../../../daemon/model/slices.js';
import { parseFile } from '../../../daemon/xds/parse.js';
import { ResourceStore } from '../../../daemon/xds/store.js';
import { modelValidators } from '../../helpers/modelValidators.js';

const folder = '../shared/fixtures/xds';
const skip = existsSync(folder) ? false : `${folder} is not there`;

interface Meaning {
  readonly frontends: number;
  readonly clusters: number;
  readonly endpoints: number;
  /** Frontends whose requests are read, the route tables that they name, virtual hosts in these. Absent: none. */
  readonly requests?: readonly [frontends: number, tables: number, virtualHosts: number];
  readonly notEnforced: Readonly<Record<string, number>>;
}

/** The files of one configuration, by a common beginning of their paths. */
const expected: Readonly<Record<string, Meaning>> = {
  'istio/details_config_dump.2021-06': {
    frontends: 24,
    clusters: 28,
    endpoints: 2,
    // 23 clusters have thresholds; all but xds-grpc's have no limit in them.
    requests: [14, 6, 14],
    notEnforced: { upstream_protocol: 5, tcp_keepalive: 1, max_requests_per_connection: 1, keep_alive: 2, no_default_route: 2, 'filter_chain_match.transport_protocol': 6, 'filter_chain_match.application_protocols': 6, path_normalization: 6, inbound_listener: 1, retry_policy: 6, timeout: 6, pipe_address: 2, circuit_breakers: 1, unresolved: 1, upstream_bind_config: 3 },
  },
  'istio/echo-app_config_dump.2020-12': {
    frontends: 89,
    clusters: 87,
    endpoints: 10,
    requests: [45, 12, 42],
    notEnforced: { upstream_protocol: 24, tcp_keepalive: 1, max_requests_per_connection: 7, keep_alive: 1, no_default_route: 1, 'filter_chain_match.application_protocols': 6, http_filter: 15, rbac: 6, network_filter: 34, unmatched_traffic: 1, retry_policy: 11, unresolved: 2, circuit_breakers: 74 },
  },
  'istio/endpoints_config_dump.2022-09': { frontends: 0, clusters: 0, endpoints: 0, notEnforced: {} },
  'istio/productpage-mtls-ipv6.2020-03': {
    frontends: 6,
    clusters: 18,
    endpoints: 3,
    requests: [5, 2, 5],
    notEnforced: { upstream_protocol: 1, tcp_keepalive: 1, keep_alive: 1, path_normalization: 1, no_default_route: 1, inbound_listener: 4, http_filter: 1, network_filter: 1, retry_policy: 1, per_filter_config: 1, unresolved: 2, upstream_tls: 3, circuit_breakers: 13, upstream_bind_config: 2 },
  },
  'istio/productpage_config_dump.2020-04': {
    frontends: 68,
    clusters: 58,
    endpoints: 3,
    requests: [35, 15, 30],
    notEnforced: { upstream_protocol: 10, tcp_keepalive: 1, max_requests_per_connection: 5, keep_alive: 1, no_default_route: 1, http_filter: 15, rbac: 1, network_filter: 22, retry_policy: 14, unresolved: 2, upstream_tls: 46, circuit_breakers: 52 },
  },
  'kmesh-native/oe_test_base_function': { frontends: 1, clusters: 1, endpoints: 1, notEnforced: { 'filter_chain_match.transport_protocol': 1, 'filter_chain_match.application_protocols': 1, retry_policy: 1 } },
  'kmesh-native/oe_test_dark_launch_function': { frontends: 1, clusters: 2, endpoints: 2, notEnforced: { 'filter_chain_match.transport_protocol': 1, 'filter_chain_match.application_protocols': 1, retry_policy: 1 } },
  'kmesh-native/oe_test_lb_policy_function': { frontends: 1, clusters: 1, endpoints: 2, notEnforced: { 'filter_chain_match.transport_protocol': 1, 'filter_chain_match.application_protocols': 1, retry_policy: 1 } },
  'kmesh-native/oe_test_route_function': { frontends: 1, clusters: 2, endpoints: 2, requests: [1, 1, 1], notEnforced: { 'filter_chain_match.transport_protocol': 1, 'filter_chain_match.application_protocols': 1, keep_alive: 1, retry_policy: 1 } },
  'kmesh-native/oe_test_tcp_proxy_weight_cluster_function': { frontends: 1, clusters: 2, endpoints: 2, notEnforced: { 'filter_chain_match.transport_protocol': 1, 'filter_chain_match.application_protocols': 1 } },
  'envoy-gateway/circuit-breaker': { frontends: 1, clusters: 1, endpoints: 1, notEnforced: { max_requests_per_connection: 1, path_normalization: 1, underscores: 1, per_host_thresholds: 1, circuit_breakers: 1 } },
  'envoy-gateway/http-route': { frontends: 1, clusters: 1, endpoints: 1, requests: [1, 1, 1], notEnforced: { keep_alive: 1, path_normalization: 1, underscores: 1, no_default_route: 1, circuit_breakers: 1 } },
  'envoy-gateway/http-route-multiple-matches': { frontends: 1, clusters: 7, endpoints: 7, requests: [1, 1, 5], notEnforced: { keep_alive: 1, path_normalization: 1, underscores: 1, circuit_breakers: 7 } },
  'envoy-gateway/http-route-redirect': { frontends: 1, clusters: 1, endpoints: 1, notEnforced: { redirect: 1, path_normalization: 1, underscores: 1, circuit_breakers: 1 } },
  'envoy-gateway/http-route-regex': { frontends: 1, clusters: 1, endpoints: 1, requests: [1, 1, 1], notEnforced: { keep_alive: 1, path_normalization: 1, underscores: 1, no_default_route: 1, circuit_breakers: 1 } },
  'envoy-gateway/http-route-weighted-backend': { frontends: 1, clusters: 1, endpoints: 4, notEnforced: { path_normalization: 1, underscores: 1, circuit_breakers: 1 } },
  'envoy-gateway/load-balancer': { frontends: 1, clusters: 17, endpoints: 17, requests: [1, 1, 1], notEnforced: { keep_alive: 1, path_normalization: 1, underscores: 1, hash_policy: 1, circuit_breakers: 17, consistent_hash: 6, slow_start: 2, lb_policy: 5 } },
  'envoy-gateway/tcp-route-weighted-backend': { frontends: 1, clusters: 1, endpoints: 4, notEnforced: { 'filter_chain_match.server_names': 1, circuit_breakers: 1 } },
};

const allFiles = (): string[] => readdirSync(folder).flatMap((part) => readdirSync(path.join(folder, part)).map((name) => `${part}/${name}`));

/** `http-route` without `http-route-regex`: the name, then an ending of its own. */
const filesOf = (configuration: string): string[] => allFiles().filter((file) => file.startsWith(`${configuration}.`));

function meaningOf(files: readonly string[]): Meaning {
  const store = new ResourceStore(modelValidators);
  const parsed = files.map((file) => parseFile(file, readFileSync(path.join(folder, file), 'utf8')).resources);
  const of = <K extends keyof (typeof parsed)[number]>(kind: K) => parsed.flatMap((one) => one[kind]);
  whole(store.load({ clusters: of('clusters'), endpoints: of('endpoints'), listeners: of('listeners'), routes: of('routes') }));
  const model = createModelBuilder()({ ...store.snapshot(), resolved: new Map() });
  const notEnforced: Record<string, number> = {};
  for (const { feature } of model.notEnforced) notEnforced[feature] = (notEnforced[feature] ?? 0) + 1;
  const endpoints = [...model.clusters.values()].reduce((sum, cluster) => (cluster.kind === 'endpoints' ? sum + cluster.ipv4.length + cluster.ipv6.length : sum), 0);
  const routed = [...model.frontends.values()].filter(({ routes }) => routes !== undefined).length;
  const hosts = [...model.routeTables.values()].reduce((sum, { virtualHosts }) => sum + virtualHosts.length, 0);
  return { frontends: model.frontends.size, clusters: model.clusters.size, endpoints, ...(routed > 0 ? { requests: [routed, model.routeTables.size, hosts] } : {}), notEnforced };
}

t.test('every file belongs to a configuration that is counted', { skip }, async (t) => {
  t.same(Object.keys(expected).flatMap(filesOf).sort(), allFiles().sort());
});

for (const [configuration, meaning] of Object.entries(expected)) {
  t.test(configuration, { skip }, async (t) => {
    t.same(meaningOf(filesOf(configuration)), meaning);
  });
}
