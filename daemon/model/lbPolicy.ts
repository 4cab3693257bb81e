// SPDX-License-Identifier: Apache-2.0
import { Cluster_LbPolicy } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { Cluster as ClusterProto, LoadBalancingPolicy } from '../proto/envoy/config/cluster/v3/cluster.js';
import { LeastRequest } from '../proto/envoy/extensions/load_balancing_policies/least_request/v3/least_request.js';
import { Random } from '../proto/envoy/extensions/load_balancing_policies/random/v3/random.js';
import { RoundRobin } from '../proto/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.js';
import { WrrLocality } from '../proto/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.js';
import { messageName, open } from './any.js';
import type { Findings } from './notEnforced.js';
import type { LbPolicy } from './types.js';

export interface LoadBalancing {
  readonly lb: LbPolicy;
  /** Locality weights count. */
  readonly localityWeighted: boolean;
}

/** Policies nest (wrr_locality holds another list): deeper than this is not a configuration anyone wrote. */
const MOST_NESTING = 4;
const POLICIES = 'envoy.extensions.load_balancing_policies.';

/** The policy of a cluster; what the kernel does not have is listed and replaced by the nearest that it has. */
export function loadBalancingOf(cluster: ClusterProto, findings: Findings): LoadBalancing {
  const localityWeighted = cluster.commonLbConfig?.localityConfigSpecifier?.$case === 'localityWeightedLbConfig';
  if (cluster.loadBalancingPolicy) return fromExtensions(cluster.loadBalancingPolicy, findings, 0) ?? unknownPolicy(findings);
  return { lb: fromEnum(cluster.lbPolicy, findings), localityWeighted };
}

function fromEnum(policy: Cluster_LbPolicy, findings: Findings): LbPolicy {
  switch (policy) {
    case Cluster_LbPolicy.ROUND_ROBIN:
      return 'round_robin';
    case Cluster_LbPolicy.LEAST_REQUEST:
      return 'least_request';
    case Cluster_LbPolicy.RANDOM:
      return 'random';
    case Cluster_LbPolicy.RING_HASH:
    case Cluster_LbPolicy.MAGLEV:
      return hashed(findings, 'lbPolicy');
    default:
      return unknownPolicy(findings).lb;
  }
}

function hashed(findings: Findings, path: string): LbPolicy {
  findings.once('consistent_hash', path, 'connections are not kept to an endpoint by hash: endpoints are chosen at random');
  return 'random';
}

function unknownPolicy(findings: Findings): LoadBalancing {
  findings.once('lb_policy', 'loadBalancingPolicy', 'the load balancing policy is not known: endpoints are taken in turn');
  return { lb: 'round_robin', localityWeighted: false };
}

/** The first policy of the list that is known counts, as in Envoy. */
function fromExtensions({ policies }: LoadBalancingPolicy, findings: Findings, depth: number): LoadBalancing | undefined {
  for (const { typedExtensionConfig } of policies) {
    const any = typedExtensionConfig?.typedConfig;
    const name = any && messageName(any);
    if (!any || !name?.startsWith(POLICIES) || depth > MOST_NESTING) continue;
    switch (name.slice(POLICIES.length)) {
      case 'round_robin.v3.RoundRobin':
        return withLocality('round_robin', open(RoundRobin, any));
      case 'least_request.v3.LeastRequest':
        return withLocality('least_request', open(LeastRequest, any));
      case 'random.v3.Random':
        return withLocality('random', open(Random, any));
      case 'ring_hash.v3.RingHash':
      case 'maglev.v3.Maglev':
        return { lb: hashed(findings, 'loadBalancingPolicy'), localityWeighted: false };
      case 'wrr_locality.v3.WrrLocality': {
        const opened = open(WrrLocality, any);
        const inner = opened.ok && opened.value.endpointPickingPolicy && fromExtensions(opened.value.endpointPickingPolicy, findings, depth + 1);
        if (inner) return { ...inner, localityWeighted: true };
      }
    }
  }
  return undefined;
}

interface WithLocality {
  readonly localityLbConfig: { readonly localityConfigSpecifier: { readonly $case: string } | undefined } | undefined;
}

function withLocality(lb: LbPolicy, config: { readonly ok: boolean; readonly value?: WithLocality }): LoadBalancing {
  return { lb, localityWeighted: config.value?.localityLbConfig?.localityConfigSpecifier?.$case === 'localityWeightedLbConfig' };
}
