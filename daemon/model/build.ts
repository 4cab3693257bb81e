// SPDX-License-Identifier: Apache-2.0
import { Cluster_DiscoveryType } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { Cluster as ClusterProto } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { ClusterLoadAssignment } from '../proto/envoy/config/endpoint/v3/endpoint.js';
import type { Listener } from '../proto/envoy/config/listener/v3/listener.js';
import type { RouteConfiguration } from '../proto/envoy/config/route/v3/route.js';
import type { ClusterMeaning } from './chainDecision.js';
import { buildCluster, meaningOf } from './cluster.js';
import { FrontendTable } from './frontendTable.js';
import { buildListener } from './listener.js';
import type { ListenerFrontend } from './listener.js';
import { Findings } from './notEnforced.js';
import type { Resources } from './resources.js';
import { readRoutes } from './routes.js';
import type { RouteTable } from './routes.js';
import type { Cluster, MeshModel, NotEnforced } from './types.js';

interface BuiltCluster {
  readonly assignment: ClusterLoadAssignment | undefined;
  /** Host names that were looked up, with what was found: by identity. */
  readonly resolved: ReadonlyMap<string, readonly string[] | undefined>;
  readonly cluster: Cluster;
  readonly notEnforced: readonly NotEnforced[];
}

interface BuiltListener {
  /** Answers that it was built with. */
  readonly routes: ReadonlyMap<string, RouteTable | undefined>;
  readonly meanings: ReadonlyMap<string, ClusterMeaning>;
  readonly frontends: readonly ListenerFrontend[];
  readonly notEnforced: readonly NotEnforced[];
}

interface BuiltRoutes {
  readonly table: RouteTable;
  readonly notEnforced: readonly NotEnforced[];
}

/**
 * Makes a function from resources to the mesh model. It remembers by identity what it made of each resource, so that
 * a call costs what changed since the last one, and unchanged clusters and frontends are the same objects. Nothing in
 * a resource makes it throw: what it cannot use is listed as not enforced.
 */
export function createModelBuilder(): (resources: Resources) => MeshModel {
  const clusters = new WeakMap<ClusterProto, BuiltCluster>();
  const listeners = new WeakMap<Listener, BuiltListener>();
  const routes = new WeakMap<RouteConfiguration, BuiltRoutes>();

  return (resources) => {
    const builtClusters = mapValues(resources.clusters, (proto) => remember(clusters, proto, isCurrentCluster(proto, resources), () => makeCluster(proto, resources)));
    const builtRoutes = mapValues(resources.routes, (proto) => remember(routes, proto, () => true, () => makeRoutes(proto)));
    const meaning = (name: string): ClusterMeaning => meaningOf(name, resources.clusters.get(name));
    const tableOf = (name: string): RouteTable | undefined => builtRoutes.get(name)?.table;
    const table = new FrontendTable();
    const listenerItems: (readonly NotEnforced[])[] = [];
    for (const proto of resources.listeners.values()) {
      const built = remember(listeners, proto, isCurrentListener(tableOf, meaning), () => makeListener(proto, tableOf, meaning));
      table.add(built.frontends);
      listenerItems.push(built.notEnforced);
    }
    return {
      frontends: table.frontends,
      clusters: mapValues(builtClusters, ({ cluster }) => cluster),
      notEnforced: [listenerItems, [table.notEnforced()], ...[builtRoutes, builtClusters].map(itemsOf)].flat(2),
    };
  };
}

function mapValues<V, W>(map: ReadonlyMap<string, V>, make: (value: V) => W): Map<string, W> {
  const result = new Map<string, W>();
  for (const [key, value] of map) result.set(key, make(value));
  return result;
}

const itemsOf = (built: ReadonlyMap<string, { readonly notEnforced: readonly NotEnforced[] }>): (readonly NotEnforced[])[] => [...built.values()].map(({ notEnforced }) => notEnforced);

function remember<K extends object, V>(memory: WeakMap<K, V>, key: K, isCurrent: (value: V) => boolean, make: () => V): V {
  const known = memory.get(key);
  if (known && isCurrent(known)) return known;
  const made = make();
  memory.set(key, made);
  return made;
}

/** The load assignment of an EDS cluster. */
function assignmentOf(cluster: ClusterProto, { endpoints }: Resources): ClusterLoadAssignment | undefined {
  const type = cluster.clusterDiscoveryType;
  if (type?.$case !== 'type' || type.value !== Cluster_DiscoveryType.EDS) return undefined;
  return endpoints.get(cluster.edsClusterConfig?.serviceName || cluster.name);
}

const isCurrentCluster =
  (proto: ClusterProto, resources: Resources) =>
  ({ assignment, resolved }: BuiltCluster): boolean => {
    for (const [host, addresses] of resolved) if (resources.resolved.get(host) !== addresses) return false;
    return assignment === assignmentOf(proto, resources);
  };

function makeCluster(proto: ClusterProto, resources: Resources): BuiltCluster {
  const findings = new Findings('cluster', proto.name);
  const endpointFindings = new Findings('endpoints', proto.edsClusterConfig?.serviceName || proto.name);
  const assignment = assignmentOf(proto, resources);
  const resolved = new Map<string, readonly string[] | undefined>();
  const resolve = (host: string): readonly string[] | undefined => {
    resolved.set(host, resources.resolved.get(host));
    return resolved.get(host);
  };
  const cluster = buildCluster(proto, { assignment, resolve }, findings, endpointFindings);
  return { assignment, resolved, cluster, notEnforced: [...findings.list(), ...endpointFindings.list()] };
}

function makeRoutes(proto: RouteConfiguration): BuiltRoutes {
  const findings = new Findings('route', proto.name);
  const table = readRoutes(proto, '', findings);
  return { table, notEnforced: findings.list() };
}

const isCurrentListener =
  (tableOf: (name: string) => RouteTable | undefined, meaning: (name: string) => ClusterMeaning) =>
  ({ routes, meanings }: BuiltListener): boolean => {
    for (const [name, table] of routes) if (tableOf(name) !== table) return false;
    for (const [name, known] of meanings) if (meaning(name) !== known) return false;
    return true;
  };

function makeListener(proto: Listener, tableOf: (name: string) => RouteTable | undefined, meaning: (name: string) => ClusterMeaning): BuiltListener {
  const findings = new Findings('listener', proto.name);
  const routes = new Map<string, RouteTable | undefined>();
  const meanings = new Map<string, ClusterMeaning>();
  const lookups = {
    routes: (name: string): RouteTable | undefined => {
      routes.set(name, tableOf(name));
      return tableOf(name);
    },
    meaning: (name: string): ClusterMeaning => {
      meanings.set(name, meaning(name));
      return meaning(name);
    },
  };
  const frontends = buildListener(proto, lookups, findings);
  return { routes, meanings, frontends, notEnforced: findings.list() };
}
