// SPDX-License-Identifier: Apache-2.0
import { Cluster_LbPolicy } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { Cluster as ClusterProto, LoadBalancingPolicy } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { SlowStartConfig } from '../proto/envoy/extensions/load_balancing_policies/common/v3/common.js';
import { LeastRequest, LeastRequest_SelectionMethod } from '../proto/envoy/extensions/load_balancing_policies/least_request/v3/least_request.js';
import { Maglev } from '../proto/envoy/extensions/load_balancing_policies/maglev/v3/maglev.js';
import { Random } from '../proto/envoy/extensions/load_balancing_policies/random/v3/random.js';
import { RingHash } from '../proto/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash.js';
import { RoundRobin } from '../proto/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.js';
import { WrrLocality } from '../proto/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.js';
import type { Any } from '../proto/google/protobuf/any.js';
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

/** The number of endpoints that the programs draw for least request, and Envoy's default. */
const CHOICES = 2;

/**
 * The policy of a cluster; what the kernel does not have is listed and replaced by the nearest that it has.
 *
 * @param bySource whether connections come to it by a hash of the client's address.
 */
export function loadBalancingOf(cluster: ClusterProto, bySource: boolean, findings: Findings): LoadBalancing {
  const localityWeighted = cluster.commonLbConfig?.localityConfigSpecifier?.$case === 'localityWeightedLbConfig';
  const reader = new PolicyReader(bySource, findings);
  if (cluster.loadBalancingPolicy) return reader.fromExtensions(cluster.loadBalancingPolicy, 0) ?? reader.unknown();
  return { lb: reader.fromEnum(cluster), localityWeighted };
}

class PolicyReader {
  readonly #bySource: boolean;
  readonly #findings: Findings;

  constructor(bySource: boolean, findings: Findings) {
    this.#bySource = bySource;
    this.#findings = findings;
  }

  fromEnum({ lbPolicy, lbConfig, commonLbConfig }: ClusterProto): LbPolicy {
    if (lbConfig?.$case === 'leastRequestLbConfig') this.#listLeastRequest(lbConfig.value, 'lbConfig');
    if (lbConfig && 'slowStartConfig' in lbConfig.value) this.#listSlowStart(lbConfig.value.slowStartConfig, 'lbConfig');
    switch (lbPolicy) {
      case Cluster_LbPolicy.ROUND_ROBIN:
        return 'round_robin';
      case Cluster_LbPolicy.LEAST_REQUEST:
        return 'least_request';
      case Cluster_LbPolicy.RANDOM:
        return 'random';
      case Cluster_LbPolicy.RING_HASH:
      case Cluster_LbPolicy.MAGLEV:
        return this.#hashed('lbPolicy', commonLbConfig?.consistentHashingLbConfig);
      default:
        return this.unknown().lb;
    }
  }

  /** The first policy of the list that is known counts, as in Envoy. */
  fromExtensions({ policies }: LoadBalancingPolicy, depth: number): LoadBalancing | undefined {
    for (const { typedExtensionConfig } of policies) {
      const any = typedExtensionConfig?.typedConfig;
      const name = any && messageName(any);
      if (!any || !name?.startsWith(POLICIES) || depth > MOST_NESTING) continue;
      const found = this.#fromExtension(name.slice(POLICIES.length), any, depth);
      if (found) return found;
    }
    return undefined;
  }

  unknown(): LoadBalancing {
    this.#findings.once('lb_policy', 'loadBalancingPolicy', 'the load balancing policy is not known: endpoints are taken in turn');
    return { lb: 'round_robin', localityWeighted: false };
  }

  #fromExtension(name: string, any: Any, depth: number): LoadBalancing | undefined {
    switch (name) {
      case 'round_robin.v3.RoundRobin': {
        const config = opened(RoundRobin, any);
        this.#listSlowStart(config.slowStartConfig, PATH);
        return { lb: 'round_robin', localityWeighted: weighsLocalities(config.localityLbConfig) };
      }
      case 'least_request.v3.LeastRequest': {
        const config = opened(LeastRequest, any);
        this.#listLeastRequest(config, PATH);
        this.#listSlowStart(config.slowStartConfig, PATH);
        return { lb: 'least_request', localityWeighted: weighsLocalities(config.localityLbConfig) };
      }
      case 'random.v3.Random':
        return { lb: 'random', localityWeighted: weighsLocalities(opened(Random, any).localityLbConfig) };
      case 'ring_hash.v3.RingHash': {
        const config = opened(RingHash, any);
        const { useHostnameForHashing, hashBalanceFactor } = config;
        return { lb: this.#hashed(PATH, config.consistentHashingLbConfig ?? { useHostnameForHashing, hashBalanceFactor }), localityWeighted: config.localityWeightedLbConfig !== undefined };
      }
      case 'maglev.v3.Maglev': {
        const config = opened(Maglev, any);
        return { lb: this.#hashed(PATH, config.consistentHashingLbConfig), localityWeighted: config.localityWeightedLbConfig !== undefined };
      }
      case 'wrr_locality.v3.WrrLocality': {
        const { endpointPickingPolicy } = opened(WrrLocality, any);
        const inner = endpointPickingPolicy && this.fromExtensions(endpointPickingPolicy, depth + 1);
        return inner && { ...inner, localityWeighted: true };
      }
      default:
        return undefined;
    }
  }

  /** Without a hash of the route Envoy takes a random one (source/extensions/load_balancing_policies/common/thread_aware_lb_impl.cc). */
  #hashed(path: string, config: HashConfig | undefined): LbPolicy {
    if (!this.#bySource) {
      this.#findings.once('consistent_hash', path, "no route or TCP proxy asks for a hash of the client's address alone: endpoints are chosen at random");
      return 'random';
    }
    if (config?.useHostnameForHashing || config?.hashBalanceFactor) {
      this.#findings.once('hash_config', path, 'endpoints are told apart by their addresses, and one that gets more connections than others keeps them');
    }
    return 'source_hash';
  }

  #listLeastRequest(config: { readonly choiceCount: number | undefined; readonly activeRequestBias: unknown; readonly selectionMethod?: LeastRequest_SelectionMethod }, path: string): void {
    const other = (config.choiceCount ?? CHOICES) !== CHOICES || config.activeRequestBias !== undefined || config.selectionMethod === LeastRequest_SelectionMethod.FULL_SCAN;
    if (other) this.#findings.once('least_request_config', path, `the less busy of ${CHOICES} endpoints drawn by weight is taken`);
  }

  #listSlowStart(config: SlowStartConfig | undefined, path: string): void {
    if (config) this.#findings.once('slow_start', path, 'new endpoints get their full part at once');
  }
}

const PATH = 'loadBalancingPolicy';

interface HashConfig {
  readonly useHostnameForHashing: boolean;
  readonly hashBalanceFactor: number | undefined;
}

/** What does not decode counts as empty: its name tells the policy. */
function opened<T>(codec: { decode(bytes: Uint8Array): T }, any: Any): T {
  const result = open(codec, any);
  return result.ok ? result.value : codec.decode(new Uint8Array());
}

const weighsLocalities = (config: { readonly localityConfigSpecifier: { readonly $case: string } | undefined } | undefined): boolean =>
  config?.localityConfigSpecifier?.$case === 'localityWeightedLbConfig';
