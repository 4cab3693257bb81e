// SPDX-License-Identifier: Apache-2.0

/** Hosts of one priority level, counted (or weighted, with `weighted_priority_health`). */
export interface LevelHealth {
  readonly total: number;
  readonly healthy: number;
  readonly degraded: number;
}

/** Percent of a cluster's connections that go to one priority level. */
export interface LevelLoad {
  readonly healthy: number;
  readonly degraded: number;
  /** The load goes to all hosts of the level, healthy or not. */
  readonly panic: boolean;
}

/**
 * How a cluster's load spreads over its priority levels: in order of priority, as much as a level's healthy hosts
 * can take times the overprovisioning factor, the rest to the next; with panic where too few are healthy.
 * Whole percents, as in Envoy ("Priority levels" and "Panic threshold" of its load balancing documentation;
 * LoadBalancerBase::recalculatePerPriorityState).
 *
 * @param levels in order of priority.
 * @param overprovisioning in percent; Envoy's default is 140.
 * @param panicThreshold in percent; 0 switches panic off.
 */
export function levelLoads(levels: readonly LevelHealth[], overprovisioning: number, panicThreshold: number): LevelLoad[] {
  const available = (part: number, total: number): number => (total === 0 ? 0 : Math.min(100, Math.floor((overprovisioning * part) / total)));
  const healthy = levels.map(({ healthy, total }) => available(healthy, total));
  const degraded = levels.map(({ degraded, total }) => available(degraded, total));
  const availability = Math.min(100, [...healthy, ...degraded].reduce((sum, part) => sum + part, 0));
  const panic = levels.map((level) => panicThreshold > 0 && availability < 100 && isInPanic(level, panicThreshold));
  if (panic.length > 0 && panic.every(Boolean)) return shareByHosts(levels);
  if (availability === 0) return levels.map((_, i) => ({ healthy: i === 0 ? 100 : 0, degraded: 0, panic: false }));
  const { loads: healthyLoads, left } = spread(healthy, 100, availability);
  const { loads: degradedLoads, left: rounding } = spread(degraded, left, availability);
  giveRounding(healthyLoads, degradedLoads, healthy, degraded, rounding);
  return levels.map((_, i) => ({ healthy: healthyLoads[i]!, degraded: degradedLoads[i]!, panic: panic[i]! }));
}

function isInPanic({ total, healthy, degraded }: LevelHealth, threshold: number): boolean {
  return total === 0 || (100 * (healthy + degraded)) / total < threshold;
}

function spread(available: readonly number[], load: number, availability: number): { loads: number[]; left: number } {
  let left = load;
  const loads = available.map((part) => {
    const taken = Math.min(left, Math.floor((part * 100) / availability));
    left -= taken;
    return taken;
  });
  return { loads, left };
}

/** What integer division left over goes to the first level that has anything, healthy before degraded. */
function giveRounding(healthyLoads: number[], degradedLoads: number[], healthy: readonly number[], degraded: readonly number[], rounding: number): void {
  const firstHealthy = healthy.findIndex((part) => part > 0);
  const firstDegraded = degraded.findIndex((part) => part > 0);
  if (firstHealthy !== -1 && (firstDegraded === -1 || firstHealthy <= firstDegraded)) healthyLoads[firstHealthy]! += rounding;
  else if (firstDegraded !== -1) degradedLoads[firstDegraded]! += rounding;
}

/** All levels in panic: load by number of hosts, what is left to the first level that has any. */
function shareByHosts(levels: readonly LevelHealth[]): LevelLoad[] {
  const all = levels.reduce((sum, { total }) => sum + total, 0);
  if (all === 0) return levels.map((_, i) => ({ healthy: i === 0 ? 100 : 0, degraded: 0, panic: true }));
  const loads = levels.map(({ total }) => Math.floor((100 * total) / all));
  loads[levels.findIndex(({ total }) => total > 0)]! += 100 - loads.reduce((sum, load) => sum + load, 0);
  return loads.map((healthy) => ({ healthy, degraded: 0, panic: true }));
}
