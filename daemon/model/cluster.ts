// SPDX-License-Identifier: Apache-2.0
import { Cluster_DiscoveryType, Cluster_DnsLookupFamily } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { Cluster as ClusterProto } from '../proto/envoy/config/cluster/v3/cluster.js';
import { RoutingPriority } from '../proto/envoy/config/core/v3/base.js';
import type { ClusterLoadAssignment } from '../proto/envoy/config/endpoint/v3/endpoint.js';
import { parseIp } from './address.js';
import type { Ip } from './address.js';
import { balance } from './balance.js';
import type { BalanceSettings } from './balance.js';
import type { ClusterMeaning } from './chainDecision.js';
import { listCluster } from './clusterFeatures.js';
import { hostsOf } from './hosts.js';
import type { Resolve } from './hosts.js';
import { loadBalancingOf } from './lbPolicy.js';
import type { Findings } from './notEnforced.js';
import { outlierDetectionOf, withoutEjected } from './outlierDetection.js';
import type { Cluster } from './types.js';

/** Clusters that Istio sends under a name with a meaning (istio/istio pilot/pkg/util/constants.go). */
const PASSTHROUGH = new Set(['PassthroughCluster', 'InboundPassthroughCluster']);
const BLACKHOLE = 'BlackHoleCluster';

/** Largest max_connections: Istio's spelling of "no limit". */
const NO_LIMIT = 0xffffffff;
const DEFAULT_OVERPROVISIONING = 140;
const DEFAULT_PANIC_THRESHOLD = 50;

/** What the lists of a cluster are made of. */
export interface ClusterInputs {
  /** By EDS; undefined: not sent. */
  readonly assignment: ClusterLoadAssignment | undefined;
  /** Addresses of a host name; undefined: not looked up yet. */
  readonly resolve: (host: string) => readonly string[] | undefined;
  /** Connections come to it by a hash of the client's address. */
  readonly bySource: boolean;
  /** Endpoints that outlier detection took out. */
  readonly ejected: ReadonlySet<string> | undefined;
}

/** What a cluster means for a listener's default decision; Istio's names keep their meaning before CDS has come. */
export function meaningOf(name: string, cluster: ClusterProto | undefined): ClusterMeaning {
  if (cluster) return isBlackHole(cluster) ? 'blackhole' : isPassCluster(cluster) ? 'pass' : 'real';
  return name === BLACKHOLE ? 'blackhole' : PASSTHROUGH.has(name) ? 'pass' : 'real';
}

/** Connections go on to their original address: also for types that are not known, as an error of our own. */
function isPassCluster(cluster: ClusterProto): boolean {
  return cluster.clusterDiscoveryType?.$case === 'clusterType' || discoveryType(cluster) === Cluster_DiscoveryType.ORIGINAL_DST;
}

const isBlackHole = (cluster: ClusterProto): boolean =>
  cluster.name === BLACKHOLE && discoveryType(cluster) === Cluster_DiscoveryType.STATIC && !cluster.loadAssignment?.endpoints.length;

/** @param endpointFindings for what its assignment asks for. */
export function buildCluster(cluster: ClusterProto, inputs: ClusterInputs, findings: Findings, endpointFindings: Findings): Cluster {
  const { name } = cluster;
  if (isBlackHole(cluster)) return { kind: 'refuse', name, reason: 'blackhole' };
  if (isPassCluster(cluster)) return passCluster(cluster, findings);
  const type = discoveryType(cluster);
  const inline = type !== Cluster_DiscoveryType.EDS;
  const assignment = inline ? cluster.loadAssignment : inputs.assignment;
  const { lb, localityWeighted } = loadBalancingOf(cluster, inputs.bySource, findings);
  const hosts = assignment ? hostsOf(assignment, resolverOf(cluster, type, inputs), inline ? findings : endpointFindings) : [];
  listCluster(cluster, hosts, findings);
  const outliers = outlierDetectionOf(cluster.outlierDetection, hosts, inputs.ejected, findings);
  const taken = outliers ? withoutEjected(hosts, inputs.ejected) : hosts;
  return { kind: 'endpoints', name, lb, maxConnections: maxConnections(cluster), ...(outliers && { outliers }), ...balance(taken, settingsOf(cluster, assignment, localityWeighted)) };
}

function discoveryType({ clusterDiscoveryType }: ClusterProto): Cluster_DiscoveryType {
  return clusterDiscoveryType?.$case === 'type' ? clusterDiscoveryType.value : Cluster_DiscoveryType.STATIC;
}

function passCluster(cluster: ClusterProto, findings: Findings): Cluster {
  if (cluster.clusterDiscoveryType?.$case === 'clusterType') {
    findings.once('cluster_type', 'clusterType', `cluster type ${cluster.clusterDiscoveryType.value.name} is not known: connections go on to their original address`);
  }
  if (cluster.lbConfig?.$case === 'originalDstLbConfig') {
    const { upstreamPortOverride, useHttpHeader, metadataKey } = cluster.lbConfig.value;
    if (upstreamPortOverride !== undefined || useHttpHeader || metadataKey) {
      findings.once('original_dst_override', 'originalDstLbConfig', 'the original address is not overridden: connections go on to it as it is');
    }
  }
  if (maxConnections(cluster) !== undefined) {
    findings.once('circuit_breakers', 'circuitBreakers.thresholds', 'connections that go on to their original address are not limited');
  }
  listCluster(cluster, [], findings);
  return { kind: 'pass', name: cluster.name, reason: PASSTHROUGH.has(cluster.name) ? 'passthrough' : 'original_dst' };
}

/** Host names are looked up for the DNS types only; LOGICAL_DNS takes the first address of a family. */
function resolverOf({ dnsLookupFamily }: ClusterProto, type: Cluster_DiscoveryType, { resolve }: ClusterInputs): Resolve {
  if (type !== Cluster_DiscoveryType.STRICT_DNS && type !== Cluster_DiscoveryType.LOGICAL_DNS) return () => undefined;
  // AUTO and the preferences mean "one family is enough for a proxy". A socket that is steered keeps its family, so both are taken.
  const wanted = (ip: Ip): boolean =>
    dnsLookupFamily === Cluster_DnsLookupFamily.V4_ONLY ? ip.family === 4 : dnsLookupFamily === Cluster_DnsLookupFamily.V6_ONLY ? ip.family === 6 : true;
  return (host) => {
    const ips = resolve(host)?.flatMap((text) => parseIp(text) ?? []).filter(wanted);
    return type === Cluster_DiscoveryType.LOGICAL_DNS ? ips?.filter((ip, i) => ips.findIndex(({ family }) => family === ip.family) === i) : ips;
  };
}

function settingsOf(cluster: ClusterProto, assignment: ClusterLoadAssignment | undefined, localityWeighted: boolean): BalanceSettings {
  const common = cluster.commonLbConfig;
  const threshold = common?.healthyPanicThreshold?.value ?? DEFAULT_PANIC_THRESHOLD;
  const zoneAware = common?.localityConfigSpecifier?.$case === 'zoneAwareLbConfig' ? common.localityConfigSpecifier.value : undefined;
  return {
    localityWeights: localityWeighted ? assignment?.endpoints.map((group) => group.loadBalancingWeight ?? 0) : undefined,
    overprovisioning: assignment?.policy?.overprovisioningFactor || DEFAULT_OVERPROVISIONING,
    panicThreshold: Number.isFinite(threshold) ? Math.min(Math.max(threshold, 0), 100) : DEFAULT_PANIC_THRESHOLD,
    failOnPanic: zoneAware?.failTrafficOnPanic ?? false,
    weightedHealth: assignment?.policy?.weightedPriorityHealth ?? false,
  };
}

/**
 * The limit that the resource states. Envoy's default of 1,024 is not applied where none is stated: it is meant for
 * one proxy of one pod, and here all pods of the node count together.
 */
function maxConnections({ circuitBreakers }: ClusterProto): number | undefined {
  const limit = circuitBreakers?.thresholds.find(({ priority }) => priority === RoutingPriority.DEFAULT)?.maxConnections;
  return limit === NO_LIMIT ? undefined : limit;
}
