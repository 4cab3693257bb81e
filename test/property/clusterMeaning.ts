// SPDX-License-Identifier: Apache-2.0
// Which endpoints of a cluster a socket comes to, by Envoy's documentation ("Priority levels", "Panic threshold", "Locality
// weighted load balancing" under architecture overview, upstream, load balancing).
import type { Resources } from '../../daemon/model/resources.js';
import type { Cluster } from '../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import type { ClusterLoadAssignment } from '../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import type { Connection } from '../daemon/diff/connection.js';

/** Where connections end, with their part of them. */
export type Parts = ReadonlyMap<string, number>;

/** Numbers of envoy.config.cluster.v3.Cluster.DiscoveryType and envoy.config.core.v3.HealthStatus. */
const [STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST] = [0, 1, 2, 3, 4];
const HEALTHY = [0, 1];

interface Member {
  readonly v4: string | undefined;
  readonly v6: string | undefined;
  readonly isHealthy: boolean;
  readonly weight: number;
  readonly priority: number;
  readonly locality: number;
}

export function clusterMeaning(resources: Resources, name: string, { address, v6Socket }: Connection): Parts {
  const cluster = resources.clusters.get(name);
  if (!cluster) return only('refuse 22');
  const type = cluster.clusterDiscoveryType?.value as number;
  if (type === ORIGINAL_DST) return only(name === 'PassthroughCluster' ? 'pass 12' : 'pass 11');
  if (name === 'BlackHoleCluster') return only('refuse 24');
  const assignment = type === EDS ? resources.endpoints.get(name) : cluster.loadAssignment;
  const members = assignment ? membersOf(assignment, type, resources.resolved) : [];
  if (members.length === 0) return only('refuse 20');
  const parts = partsOf(members, cluster, assignment!);
  if (parts.size === 0) return only('refuse 21');
  return ofFamily(parts, address.includes(':'), v6Socket === true || address.includes(':'));
}

const only = (outcome: string): Parts => new Map([[outcome, 1]]);

function membersOf({ endpoints }: ClusterLoadAssignment, type: number, resolved: Resources['resolved']): Member[] {
  return endpoints.flatMap(({ priority, lbEndpoints }, locality) =>
    lbEndpoints.flatMap(({ hostIdentifier, healthStatus, loadBalancingWeight }) => {
      const endpoint = hostIdentifier!.value as { readonly address: unknown; readonly additionalAddresses: readonly { readonly address: unknown }[] };
      const texts = [endpoint.address, ...endpoint.additionalAddresses.map((one) => one.address)].map((one) => (one as { readonly address: { readonly value: { readonly address: string } } }).address.value.address);
      const base = { isHealthy: HEALTHY.includes(healthStatus), weight: loadBalancingWeight ?? 1, priority, locality };
      if (type === STATIC || type === EDS) return [{ ...base, v4: texts.find((text) => !text.includes(':')), v6: texts.find((text) => text.includes(':')) }];
      const found = resolved.get(texts[0]!) ?? [];
      const used = type === LOGICAL_DNS ? found.filter((text, i) => found.findIndex((other) => other.includes(':') === text.includes(':')) === i) : type === STRICT_DNS ? found : [];
      return used.map((text) => (text.includes(':') ? { ...base, v4: undefined, v6: text } : { ...base, v4: text, v6: undefined }));
    }),
  );
}

/** The part of each member that gets any. */
function partsOf(members: readonly Member[], { commonLbConfig: common }: Cluster, assignment: ClusterLoadAssignment): Map<Member, number> {
  const factor = (assignment.policy?.overprovisioningFactor ?? 140) / 100;
  const threshold = common?.healthyPanicThreshold?.value ?? 50;
  const byLocality = common?.localityConfigSpecifier?.$case === 'localityWeightedLbConfig';
  const levels = [...new Set(members.map(({ priority }) => priority))].sort((a, b) => a - b).map((priority) => members.filter((member) => member.priority === priority));
  const healthy = levels.map((level) => level.filter(({ isHealthy }) => isHealthy));
  const able = levels.map((level, i) => Math.min(100, Math.floor((factor * 100 * healthy[i]!.length) / level.length)));
  const all = Math.min(100, able.reduce((sum, one) => sum + one, 0));
  const panics = levels.map((level, i) => threshold > 0 && all < 100 && (100 * healthy[i]!.length) / level.length < threshold);
  const loads = panics.every(Boolean) ? whole(levels.map((level) => Math.floor((100 * level.length) / members.length))) : all === 0 ? levels.map((_, i) => (i === 0 ? 100 : 0)) : whole(inOrder(able, all), able);
  const parts = new Map<Member, number>();
  for (const [i, level] of levels.entries()) {
    if (loads[i] === 0) continue;
    const groups = panics[i] ? [{ group: level, part: 1 }] : byLocality ? localitiesOf(level, healthy[i]!, factor, assignment) : [{ group: healthy[i]!, part: 1 }];
    for (const { group, part } of groups) {
      const weight = group.reduce((sum, member) => sum + member.weight, 0);
      if (part > 0) for (const member of group) parts.set(member, (loads[i]! * part * member.weight) / weight);
    }
  }
  return parts;
}

/** Each level takes what it can of what is left. */
function inOrder(able: readonly number[], all: number): number[] {
  let left = 100;
  return able.map((one) => {
    const taken = Math.min(left, Math.floor((one * 100) / all));
    left -= taken;
    return taken;
  });
}

/** What rounding left over goes to the first level that can take any. */
function whole(loads: readonly number[], able: readonly number[] = loads.map(() => 1)): number[] {
  const left = 100 - loads.reduce((sum, load) => sum + load, 0);
  const first = able.findIndex((one) => one > 0);
  return loads.map((load, i) => (i === first ? load + left : load));
}

function localitiesOf(level: readonly Member[], healthy: readonly Member[], factor: number, { endpoints }: ClusterLoadAssignment): { group: readonly Member[]; part: number }[] {
  const localities = [...new Set(healthy.map(({ locality }) => locality))].map((locality) => {
    const group = healthy.filter((member) => member.locality === locality);
    const able = Math.min(1, (factor * group.length) / level.filter((member) => member.locality === locality).length);
    return { group, part: (endpoints[locality]!.loadBalancingWeight ?? 0) * able };
  });
  const sum = localities.reduce((total, { part }) => total + part, 0);
  return sum === 0 ? [{ group: healthy, part: 1 }] : localities.map(({ group, part }) => ({ group, part: part / sum }));
}

/** An IPv6 socket prefers the family that it asks for; an IPv4 socket reaches IPv4 only. */
function ofFamily(parts: ReadonlyMap<Member, number>, asksV6: boolean, reachesV6: boolean): Parts {
  const of = (family: 'v4' | 'v6') => [...parts].filter(([member]) => member[family] !== undefined).map(([member, part]) => [`${member[family]!}:80`, part] as const);
  const [v4, v6] = [of('v4'), of('v6')];
  const taken = asksV6 ? (v6.length > 0 ? v6 : v4) : v4.length > 0 || !reachesV6 ? v4 : v6;
  if (taken.length === 0) return only('refuse 26');
  const total = taken.reduce((sum, [, part]) => sum + part, 0);
  return new Map(taken.map(([outcome, part]) => [outcome, part / total]));
}
