// SPDX-License-Identifier: Apache-2.0
import type { Address } from '../proto/envoy/config/core/v3/address.js';
import { SocketAddress_Protocol } from '../proto/envoy/config/core/v3/address.js';
import { Cluster_DiscoveryType } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { Cluster } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { ClusterLoadAssignment } from '../proto/envoy/config/endpoint/v3/endpoint.js';
import type { Listener } from '../proto/envoy/config/listener/v3/listener.js';
import type { FilterChain } from '../proto/envoy/config/listener/v3/listener_components.js';
import type { VirtualHost } from '../proto/envoy/config/route/v3/route_components.js';
import { addressBits, parseIp } from './address.js';

const LAST_PORT = 65535;
/** Of LocalityLbEndpoints.priority (envoy/config/endpoint/v3/endpoint_components.proto). */
const LAST_PRIORITY = 128;
/** A name is a key of maps, metrics and log lines. */
const MOST_NAME_BYTES = 4096;

/*
 * Each function gives the reason to refuse (NACK) a resource, or undefined. Refused is what cannot mean anything: no
 * name, an address that does not parse, a number out of range. What merely is not known here (an unknown type of
 * filter, a policy) never refuses a resource: the model lists it.
 */

export function validateListener(listener: Listener): string | undefined {
  const addresses = [listener.address, ...listener.additionalAddresses.map(({ address }) => address)];
  const bound = !listener.listenerSpecifier && !listener.apiListener;
  return (
    nameProblem('listener', listener.name) ??
    (bound ? firstProblem(addresses, (address) => addressProblem(address, 'ip')) : undefined) ??
    firstProblem(listener.filterChains, chainProblem)
  );
}

export function validateRoute(config: { readonly name: string; readonly virtualHosts: Iterable<Pick<VirtualHost, 'name' | 'domains'>> }): string | undefined {
  return (
    nameProblem('route configuration', config.name) ??
    firstProblem(config.virtualHosts, (host) => {
      if (host.name === '') return 'a virtual host has no name';
      return host.domains.length === 0 ? `virtual host ${host.name} has no domains` : undefined;
    })
  );
}

export function validateCluster(cluster: Cluster): string | undefined {
  const type = cluster.clusterDiscoveryType?.$case === 'type' ? cluster.clusterDiscoveryType.value : undefined;
  const dns = type === Cluster_DiscoveryType.STRICT_DNS || type === Cluster_DiscoveryType.LOGICAL_DNS;
  const panic = cluster.commonLbConfig?.healthyPanicThreshold?.value;
  if (panic !== undefined && !(panic >= 0 && panic <= 100)) return `healthy_panic_threshold ${panic} is not a percentage`;
  return nameProblem('cluster', cluster.name) ?? (cluster.loadAssignment && assignmentProblem(cluster.loadAssignment, dns || type === undefined ? 'ip or host' : 'ip'));
}

export function validateEndpoints(assignment: ClusterLoadAssignment): string | undefined {
  return nameProblem('load assignment', assignment.clusterName) ?? assignmentProblem(assignment, 'ip');
}

function nameProblem(what: string, name: string): string | undefined {
  if (name === '') return `a ${what} has no name`;
  return Buffer.byteLength(name) > MOST_NAME_BYTES ? `the name of a ${what} is longer than ${MOST_NAME_BYTES} bytes` : undefined;
}

function firstProblem<T>(items: Iterable<T>, problemOf: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const problem = problemOf(item);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Pipes and addresses inside Envoy are left to the model: they are addresses, though none that a connect() uses. */
function addressProblem(address: Address | undefined, allowed: 'ip' | 'ip or host'): string | undefined {
  const inner = address?.address;
  if (!inner) return 'there is no address';
  if (inner.$case !== 'socketAddress') return undefined;
  const { address: text, portSpecifier, resolverName, protocol } = inner.value;
  if (portSpecifier?.$case === 'portValue' && portSpecifier.value > LAST_PORT) return `port ${portSpecifier.value} of ${text} is above ${LAST_PORT}`;
  if (text === '') return 'an address is empty';
  const mustBeIp = allowed === 'ip' && resolverName === '' && protocol === SocketAddress_Protocol.TCP;
  return mustBeIp && !parseIp(text) ? `${JSON.stringify(text)} is not an IP address` : undefined;
}

function chainProblem({ filterChainMatch }: FilterChain): string | undefined {
  const port = filterChainMatch?.destinationPort;
  if (port !== undefined && (port < 1 || port > LAST_PORT)) return `destination port ${port} of a filter chain is not in 1..${LAST_PORT}`;
  return firstProblem(filterChainMatch?.prefixRanges ?? [], ({ addressPrefix, prefixLen = 0 }) => {
    const ip = parseIp(addressPrefix);
    return !ip || prefixLen > addressBits(ip.family) ? `${JSON.stringify(`${addressPrefix}/${prefixLen}`)} of a filter chain is not a range of addresses` : undefined;
  });
}

function assignmentProblem(assignment: ClusterLoadAssignment, allowed: 'ip' | 'ip or host'): string | undefined {
  return firstProblem(assignment.endpoints, (group) => {
    if (group.priority > LAST_PRIORITY) return `priority ${group.priority} is above ${LAST_PRIORITY}`;
    return firstProblem(group.lbEndpoints, ({ hostIdentifier }) => {
      if (hostIdentifier?.$case !== 'endpoint') return hostIdentifier ? undefined : 'an endpoint has no address';
      const addresses = [hostIdentifier.value.address, ...hostIdentifier.value.additionalAddresses.map(({ address }) => address)];
      return firstProblem(addresses, (address) => addressProblem(address, allowed));
    });
  });
}
