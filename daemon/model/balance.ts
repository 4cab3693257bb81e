// SPDX-License-Identifier: Apache-2.0
import type { Host } from './hosts.js';
import { levelLoads } from './priority.js';
import type { LevelHealth, LevelLoad } from './priority.js';
import type { Endpoint, Family } from './types.js';

export interface BalanceSettings {
  /** Weights of localities count (`locality_weighted_lb_config`); by their index. undefined: only hosts' weights do. */
  readonly localityWeights: readonly number[] | undefined;
  /** Percent; Envoy's default is 140. */
  readonly overprovisioning: number;
  /** Percent; Envoy's default is 50, and 0 switches panic off. */
  readonly panicThreshold: number;
  /** A level in panic gets no connections at all (`fail_traffic_on_panic`). */
  readonly failOnPanic: boolean;
  /** Health of a priority level by the hosts' weights instead of their number. */
  readonly weightedHealth: boolean;
}

export interface Balanced {
  readonly ipv4: readonly Endpoint[];
  readonly ipv6: readonly Endpoint[];
  readonly panic: boolean;
  readonly empty: 'no_endpoints' | 'all_unhealthy';
}

/** Hosts that share a part of the cluster's connections by their weights. */
interface Group {
  readonly hosts: readonly Host[];
  readonly share: number;
}

/** Weights that are equal but for the rounding of their products. */
const ROUNDING = 1e-9;

/** Which hosts get connections, and what part each: health, priorities, localities and weights as Envoy reads them. */
export function balance(hosts: readonly Host[], settings: BalanceSettings): Balanced {
  const levels = byPriority(hosts);
  const loads = levelLoads(levels.map((level) => healthOf(level, settings.weightedHealth)), settings.overprovisioning, settings.panicThreshold);
  const groups = levels.flatMap((level, i) => groupsOf(level, loads[i]!, settings)).filter(({ hosts: members, share }) => share > 0 && members.length > 0);
  const weights = weightsOf(groups);
  return {
    ipv4: endpointsOf(hosts, weights, 4),
    ipv6: endpointsOf(hosts, weights, 6),
    panic: hosts.some((host) => host.health === 'unhealthy' && weights.has(host)),
    empty: hosts.length === 0 ? 'no_endpoints' : 'all_unhealthy',
  };
}

const byPriority = (hosts: readonly Host[]): Host[][] => [...grouped(hosts, ({ priority }) => priority)].sort(([a], [b]) => a - b).map(([, level]) => level);

function healthOf(level: readonly Host[], weighted: boolean): LevelHealth {
  const sum = (health: Host['health']): number => level.reduce((all, host) => all + (host.health === health ? (weighted ? host.weight : 1) : 0), 0);
  const [healthy, degraded] = [sum('healthy'), sum('degraded')];
  return { healthy, degraded, total: healthy + degraded + sum('unhealthy') };
}

function groupsOf(level: readonly Host[], load: LevelLoad, settings: BalanceSettings): Group[] {
  if (load.panic) return settings.failOnPanic ? [] : [{ hosts: level, share: load.healthy + load.degraded }];
  return (['healthy', 'degraded'] as const).flatMap((health) => {
    const hosts = level.filter((host) => host.health === health);
    return load[health] === 0 ? [] : byLocality(level, hosts, load[health], settings);
  });
}

/**
 * A locality gets its weight, less as its hosts fail beyond what overprovisioning makes up for ("Locality weighted
 * load balancing" of Envoy's documentation).
 */
function byLocality(level: readonly Host[], hosts: readonly Host[], share: number, { localityWeights, overprovisioning }: BalanceSettings): Group[] {
  if (!localityWeights) return [{ hosts, share }];
  const sizes = new Map([...hostsByLocality(level)].map(([locality, all]) => [locality, all.length]));
  const localities = [...hostsByLocality(hosts)].map(([locality, members]) => {
    const available = Math.min(1, ((overprovisioning / 100) * members.length) / sizes.get(locality)!);
    return { members, weight: (localityWeights[locality] ?? 0) * available };
  });
  const total = localities.reduce((sum, { weight }) => sum + weight, 0);
  // Without any weight Envoy has nothing to choose a locality by, and takes all hosts alike.
  if (total === 0) return [{ hosts, share }];
  return localities.map(({ members, weight }) => ({ hosts: members, share: (share * weight) / total }));
}

const hostsByLocality = (hosts: readonly Host[]): Map<number, Host[]> => grouped(hosts, ({ locality }) => locality);

function grouped(hosts: readonly Host[], by: (host: Host) => number): Map<number, Host[]> {
  const groups = new Map<number, Host[]>();
  for (const host of hosts) {
    const group = groups.get(by(host));
    if (group) group.push(host);
    else groups.set(by(host), [host]);
  }
  return groups;
}

function weightsOf(groups: readonly Group[]): Map<Host, number> {
  const [only] = groups;
  if (only && groups.length === 1) return new Map(only.hosts.map((host) => [host, host.weight]));
  const weights = new Map<Host, number>();
  for (const { hosts, share } of groups) {
    const total = hosts.reduce((sum, host) => sum + host.weight, 0);
    for (const host of hosts) weights.set(host, (share * host.weight) / total);
  }
  const greatest = [...weights.values()].reduce((most, weight) => Math.max(most, weight), 0);
  const uniform = [...weights.values()].every((weight) => greatest - weight <= greatest * ROUNDING);
  return uniform ? new Map([...weights.keys()].map((host) => [host, 1])) : weights;
}

function endpointsOf(hosts: readonly Host[], weights: ReadonlyMap<Host, number>, family: Family): Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const host of hosts) {
    const weight = weights.get(host);
    const address = host.addresses[family];
    if (weight !== undefined && address) endpoints.push({ address: address.ip.text, port: address.port, weight });
  }
  return endpoints;
}
