// SPDX-License-Identifier: Apache-2.0
import type { Cluster as ClusterProto, Cluster_TransportSocketMatch } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { TransportSocket } from '../proto/envoy/config/core/v3/base.js';
import { messageName } from './any.js';
import type { Host } from './hosts.js';
import type { Findings } from './notEnforced.js';

/** Key of an endpoint's metadata that transport socket matches are compared with (envoy/config/cluster/v3/cluster.proto). */
const MATCH_METADATA = 'envoy.transport_socket_match';

/** Lists TLS to the endpoints where the cluster asks for it: a socket match counts if an endpoint is chosen by it. */
export function listTransportSockets(cluster: ClusterProto, hosts: readonly Host[], findings: Findings): void {
  if (cluster.transportSocketMatches.length === 0) {
    listSocket(cluster.transportSocket, 'transportSocket', findings);
    return;
  }
  const chosen = new Set(hosts.map((host) => cluster.transportSocketMatches.findIndex((match) => isChosen(match, host))));
  for (const index of chosen) {
    if (index === -1) listSocket(cluster.transportSocket, 'transportSocket', findings);
    else listSocket(cluster.transportSocketMatches[index]!.transportSocket, `transportSocketMatches[${index}]`, findings);
  }
}

function isChosen({ match }: Cluster_TransportSocketMatch, { metadata }: Host): boolean {
  const criteria = Object.entries(match ?? {});
  const values = metadata?.filterMetadata[MATCH_METADATA];
  return criteria.every(([key, value]) => values !== undefined && Object.hasOwn(values, key) && values[key] === value);
}

function listSocket(socket: TransportSocket | undefined, path: string, findings: Findings): void {
  const type = socket?.configType && messageName(socket.configType.value);
  if (!socket || socket.name === 'envoy.transport_sockets.raw_buffer' || type?.endsWith('.RawBuffer')) return;
  if (type?.endsWith('.UpstreamTlsContext') || type?.endsWith('.QuicUpstreamTransport') || socket.name === 'envoy.transport_sockets.tls') {
    findings.once('upstream_tls', path, 'connections to the endpoints are not encrypted by the node: they go on as the client made them');
  } else {
    findings.once('transport_socket', path, `transport socket ${socket.name} is not there: connections go on as the client made them`);
  }
}
