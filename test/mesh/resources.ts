// SPDX-License-Identifier: Apache-2.0
/** xDS resources of tests, as files and as messages. */
import { Cluster, Cluster_DiscoveryType } from '../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../../daemon/proto/envoy/config/listener/v3/listener.js';
import { TcpProxy } from '../../daemon/proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';

const TCP_PROXY = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';

/** `host:port`, where a colon in the host needs no brackets. */
function socketAddress(text: string) {
  const colon = text.lastIndexOf(':');
  const [address, portValue] = [text.slice(0, colon), Number(text.slice(colon + 1))];
  return { address: { $case: 'socketAddress' as const, value: { address, portSpecifier: { $case: 'portValue' as const, value: portValue } } } };
}

export const edsCluster = (name: string): Cluster => Cluster.fromPartial({ name, clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS }, edsClusterConfig: {} });

/** A cluster that Envoy's meaning refuses: STATIC, without endpoints, of that name. */
export const blackHole = (): Cluster => Cluster.fromPartial({ name: 'BlackHoleCluster', clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.STATIC } });

export const assignment = (clusterName: string, ...endpoints: string[]): ClusterLoadAssignment =>
  ClusterLoadAssignment.fromPartial({
    clusterName,
    endpoints: [{ lbEndpoints: endpoints.map((text) => ({ hostIdentifier: { $case: 'endpoint' as const, value: { address: socketAddress(text) } } })) }],
  });

export const tcpListener = (where: string, cluster: string): Listener =>
  Listener.fromPartial({
    name: where,
    address: socketAddress(where),
    filterChains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.tcp_proxy',
            configType: {
              $case: 'typedConfig',
              value: { typeUrl: TCP_PROXY, value: Buffer.from(TcpProxy.encode(TcpProxy.fromPartial({ statPrefix: 's', clusterSpecifier: { $case: 'cluster', value: cluster } })).finish()) },
            },
          },
        ],
      },
    ],
  });
