// SPDX-License-Identifier: Apache-2.0
import { clustersOf } from './diff/frontends.js';
import { DataplaneError } from './maps/errors.js';
import { endpointKey } from './model/outliers.js';
import type { RouteTable } from './model/routeTable.js';
import type { Cluster, Endpoint, MeshModel, NotEnforced } from './model/types.js';

export const isMapFull = (error: unknown): error is DataplaneError => error instanceof DataplaneError && error.code === 'KM_MAP_FULL';

/**
 * The model for maps of which one is full: what is in force goes on changing (endpoints come and go, what was removed goes), and nothing
 * is added to it. Routes stay as they were, since the steps of a program that changes need room beside the old ones.
 *
 * @param before what is in force.
 * @param full says which map it is.
 */
export function keptWithin(model: MeshModel, before: MeshModel, full: DataplaneError): MeshModel {
  const clusters = new Map([...model.clusters].filter(([name]) => before.clusters.has(name)));
  const frontends = new Map(
    [...before.frontends].flatMap(([key, held]) => {
      const wanted = model.frontends.get(key);
      if (!wanted) return [];
      const fits = clustersOf(wanted.target).every((name) => clusters.has(name)) && (wanted.routes === undefined || before.routeTables.has(wanted.routes));
      return [[key, fits ? wanted : held] as const];
    }),
  );
  const routeTables = tablesOf(before, frontends);
  return { ...model, clusters, frontends, routeTables, notEnforced: [...model.notEnforced, ...leftOut(model, clusters.size, frontends, full)] };
}

/**
 * The model for maps that have not even room for that: what was removed goes, also endpoints, and all else stays as it was. Nothing of it is
 * written for which room is needed. What goes makes room for what is to come.
 */
export function leastWithin(model: MeshModel, before: MeshModel, full: DataplaneError): MeshModel {
  const frontends = new Map([...before.frontends].filter(([key]) => model.frontends.has(key)));
  const routeTables = tablesOf(before, frontends);
  // A program that leads to a cluster no more is another one, beside the old one.
  const led = new Set([...routeTables.values()].flatMap(clustersOfTable));
  const clusters = new Map(
    [...before.clusters].flatMap(([name, held]) => {
      const wanted = model.clusters.get(name);
      if (wanted) return [[name, withoutGone(held, wanted)] as const];
      return led.has(name) ? [[name, held] as const] : [];
    }),
  );
  return { ...model, clusters, frontends, routeTables, notEnforced: [...model.notEnforced, ...leftOut(model, clusters.size, frontends, full)] };
}

/** The route tables that these frontends still name. */
function tablesOf({ routeTables }: MeshModel, frontends: MeshModel['frontends']): MeshModel['routeTables'] {
  const named = new Set([...frontends.values()].map(({ routes }) => routes));
  return new Map([...routeTables].filter(([name]) => named.has(name)));
}

/** Whether there is less of it than `before`: then what there was no room for may have some now. @param endpoints whether fewer endpoints count, too. */
export function isLess(model: MeshModel, before: MeshModel, endpoints: boolean): boolean {
  const services = ({ frontends, clusters, routeTables }: MeshModel): number => frontends.size + clusters.size + routeTables.size;
  return services(model) < services(before) || (endpoints && endpointsOf(model) < endpointsOf(before));
}

function endpointsOf({ clusters }: MeshModel): number {
  let count = 0;
  for (const cluster of clusters.values()) if (cluster.kind === 'endpoints') count += cluster.ipv4.length + cluster.ipv6.length;
  return count;
}

function clustersOfTable({ virtualHosts }: RouteTable): readonly string[] {
  return virtualHosts.flatMap(({ program }) => program.steps.flatMap((step) => (step.op === 'target' ? clustersOf(step.target) : [])));
}

/** As it was, without the endpoints that went. One that is no list of endpoints any more needs no room. */
function withoutGone(held: Cluster, wanted: Cluster): Cluster {
  if (wanted.kind !== 'endpoints') return wanted;
  if (held.kind !== 'endpoints') return held;
  const staying = (of: readonly Endpoint[], among: readonly Endpoint[]): readonly Endpoint[] => {
    const keys = new Set(among.map(endpointKey));
    return of.filter((endpoint) => keys.has(endpointKey(endpoint)));
  };
  return { ...held, ipv4: staying(held.ipv4, wanted.ipv4), ipv6: staying(held.ipv6, wanted.ipv6), empty: wanted.empty };
}

/** One entry, not one a service: there may be thousands. */
function leftOut(model: MeshModel, clusters: number, frontends: MeshModel['frontends'], { message }: DataplaneError): NotEnforced[] {
  const missing = [...model.frontends].find(([key]) => !frontends.has(key))?.[1];
  const counts = `${model.clusters.size - clusters} clusters and ${model.frontends.size - frontends.size} addresses are left out, and routes stay as they were`;
  return [{ resourceType: 'listener', resource: missing?.listener ?? '', path: '', feature: 'map_full', reason: `${message}: ${counts}` }];
}
