// SPDX-License-Identifier: Apache-2.0
import { HealthStatus } from '../proto/envoy/config/core/v3/health_check.js';
import type { ClusterLoadAssignment, ClusterLoadAssignment_Policy } from '../proto/envoy/config/endpoint/v3/endpoint.js';
import type { Endpoint as EndpointProto, LbEndpoint, LocalityLbEndpoints } from '../proto/envoy/config/endpoint/v3/endpoint_components.js';
import type { Ip } from './address.js';
import type { Findings } from './notEnforced.js';
import { readAddress } from './socketAddress.js';
import type { SocketName } from './socketAddress.js';
import type { Family } from './types.js';

export type Health = 'healthy' | 'degraded' | 'unhealthy';

/** An address and port that connections can be sent to. */
export interface HostAddress {
  readonly ip: Ip;
  readonly port: number;
}

/** One host of a cluster: what Envoy would balance over. */
export interface Host {
  /** The first address of each family. */
  readonly addresses: Readonly<Partial<Record<Family, HostAddress>>>;
  readonly health: Health;
  /** Positive. */
  readonly weight: number;
  readonly priority: number;
  /** Which of the assignment's localities it is in. */
  readonly locality: number;
  readonly metadata: LbEndpoint['metadata'];
}

/** Addresses of a host name; undefined where names are not looked up or were not yet. */
export type Resolve = (host: string) => readonly Ip[] | undefined;

/** All hosts of an assignment that a connect() can reach, in its order; of doubles the first. */
export function hostsOf(assignment: ClusterLoadAssignment, resolve: Resolve, findings: Findings): Host[] {
  const hosts = new Map<string, Host>();
  for (const [locality, group] of assignment.endpoints.entries()) {
    const path = `endpoints[${locality}]`;
    for (const [i, endpoint] of endpointsOf(group, path, findings).entries()) {
      for (const host of hostsOfEndpoint(endpoint, assignment, resolve, `${path}.lbEndpoints[${i}]`, findings)) {
        const first = host[4] ?? host[6]!;
        const key = `${first.ip.text} ${first.port}`;
        if (hosts.has(key)) continue;
        const weight = endpoint.loadBalancingWeight || 1;
        hosts.set(key, { addresses: host, health: healthOf(endpoint), weight, priority: group.priority, locality, metadata: endpoint.metadata });
      }
    }
  }
  listPolicy(assignment.policy, findings);
  return [...hosts.values()];
}

function endpointsOf(group: LocalityLbEndpoints, path: string, findings: Findings): readonly LbEndpoint[] {
  if (group.lbConfig?.$case === 'ledsClusterLocalityConfig') {
    findings.once('leds', path, 'endpoints of a locality that come by LEDS are not asked for');
    return group.lbEndpoints;
  }
  return group.lbConfig?.$case === 'loadBalancerEndpoints' ? group.lbConfig.value.lbEndpoints : group.lbEndpoints;
}

function healthOf({ healthStatus }: LbEndpoint): Health {
  // UNKNOWN is healthy: nobody checked (envoy/config/core/v3/health_check.proto).
  if (healthStatus === HealthStatus.UNKNOWN || healthStatus === HealthStatus.HEALTHY) return 'healthy';
  return healthStatus === HealthStatus.DEGRADED ? 'degraded' : 'unhealthy';
}

function hostsOfEndpoint(
  { hostIdentifier }: LbEndpoint,
  assignment: ClusterLoadAssignment,
  resolve: Resolve,
  path: string,
  findings: Findings,
): Host['addresses'][] {
  const endpoint = hostIdentifier?.$case === 'endpointName' ? assignment.namedEndpoints[hostIdentifier.value] : hostIdentifier?.value;
  const main = readAddress(endpoint?.address);
  if (!endpoint || main.kind === 'unusable') {
    findings.once(main.kind === 'unusable' ? main.feature : 'address', path, `endpoint without a usable address is left out: ${main.kind === 'unusable' ? main.problem : ''}`);
    return [];
  }
  if (main.port === 0) {
    findings.once('address', path, 'endpoint without a port is left out');
    return [];
  }
  if (main.kind === 'ip') return [firstOfEachFamily([main, ...additional(endpoint)])];
  const resolved = resolve(main.host);
  if (!resolved) findings.once('unresolved', path, `host name ${main.host} has no address yet, or its cluster's type does not look names up: left out`);
  return (resolved ?? []).map((ip) => ({ [ip.family]: { ip, port: main.port } }));
}

function additional(endpoint: EndpointProto): HostAddress[] {
  const isIp = (name: SocketName): name is Extract<SocketName, { kind: 'ip' }> => name.kind === 'ip';
  return endpoint.additionalAddresses.map(({ address }) => readAddress(address)).filter(isIp);
}

function firstOfEachFamily(addresses: readonly HostAddress[]): Host['addresses'] {
  const first: Partial<Record<Family, HostAddress>> = {};
  for (const { ip, port } of addresses) if (port > 0) first[ip.family] ??= { ip, port };
  return first;
}

function listPolicy(policy: ClusterLoadAssignment_Policy | undefined, findings: Findings): void {
  if (policy && policy.dropOverloads.length > 0) {
    findings.once('drop_overloads', 'policy.dropOverloads', 'connections are not dropped by percentage: all are balanced');
  }
  if (policy?.endpointStaleAfter) findings.once('endpoint_stale_after', 'policy.endpointStaleAfter', 'endpoints do not go stale: the last ones sent stay in force');
}
