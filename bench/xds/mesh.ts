// SPDX-License-Identifier: Apache-2.0
/** A mesh as istiod describes one: each service has an HTTP port with routes, and every other one a TCP port as well. */
import { Cluster, Cluster_DiscoveryType } from '../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../../daemon/proto/envoy/config/listener/v3/listener.js';
import { RouteConfiguration } from '../../daemon/proto/envoy/config/route/v3/route.js';
import { VirtualHost } from '../../daemon/proto/envoy/config/route/v3/route_components.js';
import { HttpConnectionManager } from '../../daemon/proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { tcpListener } from '../../test/mesh/resources.js';

export const ENDPOINTS = 10;
export const ENDPOINT_PORT = 8080;
export const TCP_PORT = 9000;

export interface Mesh {
  readonly clusters: readonly Cluster[];
  readonly endpoints: readonly ClusterLoadAssignment[];
  readonly listeners: readonly Listener[];
  readonly routes: readonly RouteConfiguration[];
}

const host = (i: number): string => `svc-${i}.ns-${i % 50}.svc.cluster.local`;
export const httpName = (i: number): string => `outbound|80||${host(i)}`;
const tcpName = (i: number): string => `outbound|${TCP_PORT}||${host(i)}`;
/** Of the range 10.96.0.0/12, which service addresses have by kubeadm's default. */
export const vip = (i: number): string => `10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
/** Of 10.128.0.0/9. */
export const podAddress = (i: number, e: number): string => {
  const n = i * ENDPOINTS + e;
  return `10.${128 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
};

/** What istiod adds to a cluster that has no meaning here: about 1 kB. */
const altStatName = 'x'.repeat(900);

function cluster(name: string): Cluster {
  return Cluster.fromPartial({
    name,
    altStatName,
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { serviceName: name, edsConfig: { configSourceSpecifier: { $case: 'ads', value: {} }, initialFetchTimeout: { seconds: 0n, nanos: 0 } } },
    connectTimeout: { seconds: 10n, nanos: 0 },
    circuitBreakers: { thresholds: [{ maxConnections: 4294967295, maxPendingRequests: 4294967295, maxRequests: 4294967295, maxRetries: 4294967295 }] },
  } as Parameters<typeof Cluster.fromPartial>[0]);
}

/** @param last number of the pod that the last endpoint is. */
export function assignment(name: string, i: number, last = ENDPOINTS - 1): ClusterLoadAssignment {
  const pods = Array.from({ length: ENDPOINTS }, (_, e) => podAddress(i, e === ENDPOINTS - 1 ? last : e));
  return ClusterLoadAssignment.fromPartial({
    clusterName: name,
    endpoints: [
      {
        locality: { region: 'region1', zone: 'zone1' },
        loadBalancingWeight: ENDPOINTS,
        lbEndpoints: pods.map((address) => ({
          loadBalancingWeight: 1,
          hostIdentifier: { $case: 'endpoint' as const, value: { address: { address: { $case: 'socketAddress' as const, value: { address, portSpecifier: { $case: 'portValue' as const, value: ENDPOINT_PORT } } } } } },
        })),
      },
    ],
  } as Parameters<typeof ClusterLoadAssignment.fromPartial>[0]);
}

function virtualHost(i: number, routes: number): VirtualHost {
  const to = { $case: 'route' as const, value: { clusterSpecifier: { $case: 'cluster' as const, value: httpName(i) } } };
  const prefixes = Array.from({ length: routes - 1 }, (_, r) => `/api/v${r}/`);
  const [short, namespace] = host(i).split('.');
  return VirtualHost.fromPartial({
    name: `${host(i)}:80`,
    domains: [host(i), `${short}.${namespace}`, `${short}.${namespace}.svc`, vip(i)],
    routes: [...prefixes, '/'].map((prefix) => ({ match: { pathSpecifier: { $case: 'prefix' as const, value: prefix } }, action: to })),
  } as Parameters<typeof VirtualHost.fromPartial>[0]);
}

function httpListener(): Listener {
  const manager = HttpConnectionManager.fromPartial({ routeSpecifier: { $case: 'rds', value: { routeConfigName: '80', configSource: { configSourceSpecifier: { $case: 'ads', value: {} } } } } });
  const typedConfig = { typeUrl: 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', value: Buffer.from(HttpConnectionManager.encode(manager).finish()) };
  return Listener.fromPartial({
    name: '0.0.0.0_80',
    address: { address: { $case: 'socketAddress', value: { address: '0.0.0.0', portSpecifier: { $case: 'portValue', value: 80 } } } },
    filterChains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', configType: { $case: 'typedConfig', value: typedConfig } }] }],
  });
}

/** @param routes of each service. */
export function makeMesh(services: number, routes: number): Mesh {
  const all = Array.from({ length: services }, (_, i) => i);
  const tcp = all.filter((i) => i % 2 === 0);
  return {
    clusters: [...all.map((i) => cluster(httpName(i))), ...tcp.map((i) => cluster(tcpName(i)))],
    endpoints: [...all.map((i) => assignment(httpName(i), i)), ...tcp.map((i) => assignment(tcpName(i), i))],
    listeners: [httpListener(), ...tcp.map((i) => tcpListener(`${vip(i)}:${TCP_PORT}`, tcpName(i)))],
    routes: [RouteConfiguration.fromPartial({ name: '80', ignorePortInHostMatching: true, virtualHosts: all.map((i) => virtualHost(i, routes)) })],
  };
}
