// SPDX-License-Identifier: Apache-2.0
import { LOOKS, whole } from '../model/slices.js';
import { differences, type ShardedMap } from '../model/shardedMap.js';
import type { Slices } from '../model/slices.js';
import { undecided } from '../model/routing/stringMatch.js';
import type { Frontend, MeshModel, NotEnforced } from '../model/types.js';
import { AutomatonTable } from './automata.js';
import { planCluster, planClusterRemoval } from './clusters.js';
import { clustersOf, planFrontend, planFrontendRemoval, planWithout } from './frontends.js';
import { IdAllocator, NO_NAMED_IDS } from './ids.js';
import type { ClusterImage, FrontendImage, Image, ListenerImage, RouteTableImage } from './image.js';
import { ListenerTable } from './listeners.js';
import { storedName } from './names.js';
import { afterBarrier, singly, type Operation } from './operations.js';
import { planRouteTables, type PlannedRouteTables } from './routeTableSet.js';
import { Schedule, type Scheduled } from './schedule.js';
import type { ClusterIds } from './splits.js';

export { createImage } from './adopt.js';
export type { Image } from './image.js';

/**
 * Whether what the model does not mention is removed; false keeps adopted entries until the control plane has answered. What an earlier
 * model of this process had goes either way: the control plane has spoken of it.
 */
export interface Sweep {
  /** Frontends and route tables. */
  readonly frontends: boolean;
  readonly clusters: boolean;
  /** Counters and names that nothing leads to any more; false while programs with the maps of another layout are in force, which use them. */
  readonly shared: boolean;
}

export interface Plan extends Omit<Scheduled, 'retained'> {
  /** What the maps hold afterwards. */
  readonly image: Image;
  /** What is left out because a map has no room for it. */
  readonly notEnforced: readonly NotEnforced[];
}

/** With all operations one by one, in order. */
export interface PlanInOne extends Omit<Plan, keyof Scheduled> {
  readonly operations: Operation[];
}

export interface PlanOptions {
  readonly sweep: Sweep;
  /** Entries that km_automaton takes; any number when left out. */
  readonly mostAutomata?: number;
}

interface Work {
  readonly schedule: Schedule;
  readonly ids: IdAllocator;
  readonly image: Image;
  readonly model: MeshModel;
  readonly sweep: Sweep;
}

/**
 * The operations that turn what the maps hold into what the model says. After each single one, an address that is
 * in both the old and the new model leads to an endpoint or a decision of one of them.
 *
 * Objects of the model that are the same as last time are passed over, so that a change costs what changed.
 *
 * @throws RangeError when the ids of a kind are used up.
 */
export function plan(image: Image, model: MeshModel, options: PlanOptions): PlanInOne {
  const { written, removed, image: after, notEnforced } = whole(planInSlices(image, model, options));
  return { image: after, notEnforced, operations: [...singly([...written.flat(), ...afterBarrier(removed)])] };
}

/** The same in slices. Neither image nor model changes by it. */
export function* planInSlices(image: Image, model: MeshModel, { sweep, mostAutomata = Infinity }: PlanOptions): Slices<Plan> {
  const work: Work = { schedule: new Schedule(), ids: new IdAllocator(image.nextIds, image.namedIds), image, model, sweep };
  const { clusters, renumbered, gone } = yield* planClusters(work);
  const clusterIds: ClusterIds = (name) => clusters.get(storedName(name))?.id ?? 0;
  const automata = new AutomatonTable(work.schedule, work.ids, image.automata, image.orphans.filter(isOfAutomaton).length, mostAutomata);
  const routes = yield* planRouteTables({ ...work, automata, clusterIds, renumbered }, image.routeTables, model.routeTables, sweep, gone);
  const { frontends, listeners } = yield* planFrontends(work, { clusterIds, renumbered, gone, ...routes });
  const keptAutomata = automata.finish();
  const nextIds = work.ids.next;
  const sources = {
    frontends: frontends.size === model.frontends.size ? model.frontends : undefined,
    clusters: clusters.size === model.clusters.size ? model.clusters : undefined,
  };
  yield;
  const { written, removed, count, retained } = work.schedule.finish(image.missing, image.orphans, work.ids, !sweep.shared);
  const namedIds = sweep.shared ? NO_NAMED_IDS : image.namedIds;
  return {
    written,
    removed,
    count,
    image: { frontends, listeners, clusters, routeTables: routes.tables, automata: keptAutomata, sources, nextIds, namedIds, missing: [], orphans: retained },
    notEnforced: withoutRoom(routes.tables, mostAutomata),
  };
}

const isOfAutomaton = (operation: Operation): boolean => operation.op === 'delete' && operation.map === 'km_automaton';

function withoutRoom(tables: ReadonlyMap<string, RouteTableImage>, most: number): NotEnforced[] {
  return [...tables].filter(([, { roomless }]) => roomless).flatMap(([resource, { vhosts }]) =>
    [...vhosts].flatMap(([path, { program }]) =>
      program.roomless.map((regex): NotEnforced => ({ resourceType: 'route', resource, path, feature: 'regex', reason: undecided(regex, `km_automaton is full with ${most} (--max-automata)`) })),
    ),
  );
}

interface PlannedClusters {
  readonly clusters: ShardedMap<ClusterImage>;
  /** Stored names of clusters that came or went: who leads to them has another id to write. */
  readonly renumbered: ReadonlySet<string>;
  /** Ids of clusters that went. */
  readonly gone: ReadonlySet<number>;
}

function* planClusters({ schedule, ids, image, model, sweep }: Work): Slices<PlannedClusters> {
  const changed = new Map<string, ClusterImage>();
  const renumbered = new Set<string>();
  const gone = new Set<number>();
  const { sources } = image;
  const missing: string[] = [];
  for (const modelName of sources.clusters ? differences(sources.clusters, model.clusters) : model.clusters.keys()) {
    const cluster = model.clusters.get(modelName);
    const name = storedName(modelName);
    const before = image.clusters.get(name);
    if (!cluster) {
      missing.push(name);
      continue;
    }
    if (!before) renumbered.add(name);
    if (before?.source !== cluster) changed.set(name, planCluster(schedule, ids, before, cluster, name));
    yield;
  }
  const removed = (sources.clusters ? missing : absent(image.clusters, model.clusters)).filter((name) => sweep.clusters || image.clusters.get(name)!.source);
  for (const name of removed) {
    const before = image.clusters.get(name)!;
    planClusterRemoval(schedule, before);
    renumbered.add(name);
    gone.add(before.id);
  }
  return { clusters: image.clusters.with(changed, removed), renumbered, gone };
}

function absent(images: ReadonlyMap<string, ClusterImage>, wanted: ReadonlyMap<string, unknown>): string[] {
  const names = new Set([...wanted.keys()].map(storedName));
  return [...images.keys()].filter((name) => !names.has(name));
}

/** The same map where nothing changed; else a copy. */
function patched<V>(map: ReadonlyMap<string, V>, changed: ReadonlyMap<string, V>, removed: readonly (readonly [string, V])[]): ReadonlyMap<string, V> {
  if (changed.size === 0 && removed.length === 0) return map;
  const copy = new Map(map);
  for (const [key, value] of changed) copy.set(key, value);
  for (const [key] of removed) copy.delete(key);
  return copy;
}

interface PlannedFrontends {
  readonly frontends: ReadonlyMap<string, FrontendImage>;
  readonly listeners: ReadonlyMap<string, ListenerImage>;
}

/** What frontends lead to, as it is from now on. */
interface Led extends PlannedRouteTables {
  readonly clusterIds: ClusterIds;
  readonly renumbered: ReadonlySet<string>;
  readonly gone: ReadonlySet<number>;
}

function* planFrontends({ schedule, ids, image, model, sweep }: Work, led: Led): Slices<PlannedFrontends> {
  if (model.frontends === image.sources.frontends && led.renumbered.size === 0 && led.renumberedTables.size === 0) return image;
  const listeners = new ListenerTable(schedule, ids, image.listeners);
  const changed = new Map<string, FrontendImage>();
  let [kept, looked] = [0, 0];
  for (const [key, frontend] of model.frontends) {
    if ((looked += 1) % LOOKS === 0) yield;
    const before = image.frontends.get(key);
    if (before) kept += 1;
    if (before?.source === frontend && !leadsElsewhere(frontend, led)) continue;
    const listener = listeners.move(before?.listener, storedName(frontend.listener));
    const routes = frontend.routes === undefined ? 0 : (led.tables.get(storedName(frontend.routes))?.id ?? 0);
    changed.set(key, planFrontend(schedule, ids, before, frontend, { listener, cluster: led.clusterIds, routes }));
  }
  const removed: [string, FrontendImage][] = [];
  for (const [key, before] of kept < image.frontends.size ? image.frontends : []) {
    if (model.frontends.has(key)) continue;
    if (sweep.frontends || before.source) {
      planFrontendRemoval(schedule, before);
      listeners.leave(before.listener);
      removed.push([key, before]);
    } else {
      const after = planWithout(schedule, before, led.gone, led.replacedTables);
      if (after !== before) changed.set(key, after);
    }
  }
  return { frontends: patched(image.frontends, changed, removed), listeners: listeners.finish() };
}

/** Whether what an unchanged frontend leads to has another id now. */
function leadsElsewhere({ target, routes }: Frontend, { renumbered, renumberedTables }: Led): boolean {
  if (renumberedTables.size > 0 && routes !== undefined && renumberedTables.has(storedName(routes))) return true;
  return renumbered.size > 0 && clustersOf(target).some((name) => renumbered.has(storedName(name)));
}
