// SPDX-License-Identifier: Apache-2.0
import { Cluster_DiscoveryType } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { Cluster as ClusterProto } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { Listener } from '../proto/envoy/config/listener/v3/listener.js';
import type { ClusterMeaning } from './chainDecision.js';
import { buildCluster, meaningOf } from './cluster.js';
import { ClusterMemory } from './clusterMemory.js';
import type { BuiltCluster, ClusterInput } from './clusterMemory.js';
import { FrontendTable } from './frontendTable.js';
import { buildListener } from './listener.js';
import type { ListenerParts } from './listener.js';
import { lastOnly, Memory } from './memory.js';
import type { Built, Update } from './memory.js';
import { Findings } from './notEnforced.js';
import type { Resources, RouteResource } from './resources.js';
import { readRoutesInSlices } from './routes.js';
import type { Routes } from './routes.js';
import type { RouteTable } from './routeTable.js';
import { newBudget } from './routing/regex/budget.js';
import type { Budget } from './routing/regex/budget.js';
import { ShardedMap } from './shardedMap.js';
import { whole } from './slices.js';
import type { Slices } from './slices.js';
import type { Cluster, Frontend, MeshModel, NotEnforced } from './types.js';

interface BuiltListener extends Built<Listener>, ListenerParts, Timed {
  /** Answers that it was built with. */
  readonly routes: ReadonlyMap<string, Routes | undefined>;
  readonly meanings: ReadonlyMap<string, ClusterMeaning>;
}

/** Regular expressions may take longer than a push has time for. */
interface Timed {
  /** Those that were left out for it. */
  readonly expressionsLeft: number;
}

const isWhole = ({ expressionsLeft }: Timed): boolean => expressionsLeft === 0;

interface BuiltRoutes extends Built<RouteResource>, Timed {
  readonly routes: Routes;
}

/**
 * Makes a function from resources to the mesh model. It remembers by identity what it made of each resource, so that
 * a call costs what changed since the last one, and unchanged clusters, frontends and whole maps of them are the same
 * objects. Nothing in a resource makes it throw: what it cannot use is listed as not enforced.
 */
export function createModelBuilder(): (resources: Resources) => MeshModel {
  const build = createSlicedBuilder();
  return (resources) => whole(build(resources));
}

/** The same in slices. One model at a time: the next is begun when the one before is done. */
export function createSlicedBuilder(): (resources: Resources) => Slices<MeshModel> {
  const clusters = new ClusterMemory();
  const listeners = new Memory<Listener, BuiltListener>();
  const routes = new Memory<RouteResource, BuiltRoutes>();
  const clustersOf = lastOnly(patchClusters());
  const frontendsOf = lastOnly(mergeFrontends);
  const hashedOf = rememberHashed();
  const meanings = rememberMeanings();
  /** The same object as long as nothing is left that has to be looked at again. */
  let turn = {};

  return function* (resources) {
    const expressions = newBudget();
    const builtRoutes = yield* routes.update(resources.routes, [turn], isWhole, (proto, before) => makeRoutes(proto, before, expressions));
    const meaning = (name: string): ClusterMeaning => meanings(name, resources.clusters.get(name));
    const routesOf = (name: string): Routes | undefined => builtRoutes.built.get(name)?.routes;
    const builtListeners = yield* listeners.update(resources.listeners, [builtRoutes, resources.clusters, turn], (built) => isWhole(built) && isCurrentListener(built, routesOf, meaning), (proto, before) => makeListener(proto, before, routesOf, meaning, expressions));
    if (expressions.refused > 0) turn = {};
    const { frontends, routeTables, doubles } = frontendsOf(builtListeners);
    yield;
    const input = { ...resources, ejected: resources.ejected ?? NOTHING_EJECTED, hashed: hashedOf(builtListeners, builtRoutes) };
    yield;
    const builtClusters = yield* clusters.update(input, (proto) => makeCluster(proto, input));
    yield;
    return {
      frontends,
      clusters: clustersOf(builtClusters),
      routeTables,
      notEnforced: [...builtListeners.notEnforced, ...doubles, ...builtRoutes.notEnforced, ...builtClusters.notEnforced],
      expressionsLeft: expressions.refused,
    };
  };
}

/** Looked at for each listener with each change. */
function rememberMeanings(): (name: string, cluster: ClusterProto | undefined) => ClusterMeaning {
  const known = new WeakMap<ClusterProto, ClusterMeaning>();
  return (name, cluster) => {
    if (!cluster) return meaningOf(name, undefined);
    const meaning = known.get(cluster) ?? meaningOf(name, cluster);
    known.set(cluster, meaning);
    return meaning;
  };
}

/** All clusters by name. */
function patchClusters(): (update: Update<BuiltCluster>) => ReadonlyMap<string, Cluster> {
  let last = ShardedMap.empty<Cluster>();
  return ({ changed, removed }) => (last = last.with([...changed].map(([name, { cluster }]) => [name, cluster] as const), removed));
}

/** Clusters that connections come to by a hash of the client's address; the same set as long as no listener and no route table changes. */
function rememberHashed(): (listeners: Update<BuiltListener>, routes: Update<BuiltRoutes>) => ReadonlySet<string> {
  let last: { readonly listeners: object; readonly routes: object; readonly hashed: ReadonlySet<string> } | undefined;
  return (listeners, routes) => {
    if (last?.listeners === listeners && last.routes === routes) return last.hashed;
    const hashed = new Set<string>();
    for (const { hashed: names } of listeners.built.values()) for (const name of names) hashed.add(name);
    for (const { routes: { hashed: names } } of routes.built.values()) for (const name of names) hashed.add(name);
    last = { listeners, routes, hashed };
    return hashed;
  };
}

interface Merged {
  readonly frontends: ReadonlyMap<string, Frontend>;
  readonly routeTables: ReadonlyMap<string, RouteTable>;
  readonly doubles: readonly NotEnforced[];
}

function mergeFrontends({ built }: Update<BuiltListener>): Merged {
  const merged = new FrontendTable();
  const tables = new Map<string, RouteTable>();
  for (const { frontends } of built.values()) {
    merged.add(frontends);
    for (const { table } of frontends) if (table) tables.set(table.name, table);
  }
  const routeTables = new Map<string, RouteTable>();
  for (const { routes } of merged.frontends.values()) if (routes !== undefined) routeTables.set(routes, tables.get(routes)!);
  return { frontends: merged.frontends, routeTables, doubles: merged.notEnforced() };
}

/** Name of the load assignment of an EDS cluster. */
function assignmentName(cluster: ClusterProto): string | undefined {
  const type = cluster.clusterDiscoveryType;
  return type?.$case === 'type' && type.value === Cluster_DiscoveryType.EDS ? cluster.edsClusterConfig?.serviceName || cluster.name : undefined;
}

const NOTHING_EJECTED: ClusterInput['ejected'] = new Map();
const NOTHING_RESOLVED: BuiltCluster['resolved'] = new Map();

function* makeCluster(proto: ClusterProto, input: ClusterInput): Slices<BuiltCluster> {
  const findings = new Findings('cluster', proto.name);
  const asksFor = assignmentName(proto);
  const endpointFindings = new Findings('endpoints', asksFor ?? proto.name);
  const assignment = asksFor === undefined ? undefined : input.endpoints.get(asksFor);
  const resolved = new Map<string, readonly string[] | undefined>();
  const resolve = (host: string): readonly string[] | undefined => {
    resolved.set(host, input.resolved.get(host));
    return resolved.get(host);
  };
  const bySource = input.hashed.has(proto.name);
  const ejected = input.ejected.get(proto.name);
  const cluster = buildCluster(proto, { assignment, resolve, bySource, ejected }, findings, endpointFindings);
  return { proto, asksFor, assignment, resolved: resolved.size === 0 ? NOTHING_RESOLVED : resolved, bySource, ejected, cluster, notEnforced: joined(findings.list(), endpointFindings.list()) };
}

const joined = <T>(some: readonly T[], more: readonly T[]): readonly T[] => (more.length === 0 ? some : [...some, ...more]);

function* makeRoutes(proto: RouteResource, before: BuiltRoutes | undefined, expressions: Budget): Slices<BuiltRoutes> {
  const findings = new Findings('route', proto.name, expressions);
  const { refused } = expressions;
  const routes = yield* readRoutesInSlices(proto, { name: proto.name, prefix: '' }, before?.routes, findings);
  return { proto, routes, expressionsLeft: expressions.refused - refused, notEnforced: findings.list() };
}

type RoutesOf = (name: string) => Routes | undefined;
type MeaningOf = (name: string) => ClusterMeaning;

function isCurrentListener({ routes, meanings }: BuiltListener, routesOf: RoutesOf, meaning: MeaningOf): boolean {
  for (const [name, known] of routes) if (routesOf(name) !== known) return false;
  for (const [name, known] of meanings) if (meaning(name) !== known) return false;
  return true;
}

function* makeListener(proto: Listener, before: BuiltListener | undefined, routesOf: RoutesOf, meaning: MeaningOf, expressions: Budget): Slices<BuiltListener> {
  const findings = new Findings('listener', proto.name, expressions);
  const { refused } = expressions;
  const routes = new Map<string, Routes | undefined>();
  const meanings = new Map<string, ClusterMeaning>();
  const lookups = {
    routes: (name: string): Routes | undefined => {
      routes.set(name, routesOf(name));
      return routesOf(name);
    },
    meaning: (name: string): ClusterMeaning => {
      meanings.set(name, meaning(name));
      return meaning(name);
    },
    inline: (name: string): Routes | undefined => before?.inline.get(name),
  };
  const parts = yield* buildListener(proto, lookups, findings);
  return { proto, routes, meanings, ...parts, expressionsLeft: expressions.refused - refused, notEnforced: findings.list() };
}
