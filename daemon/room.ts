// SPDX-License-Identifier: Apache-2.0
import { clustersOf } from './diff/frontends.js';
import { DataplaneError } from './maps/errors.js';
import type { MeshModel, NotEnforced } from './model/types.js';

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
  const named = new Set([...frontends.values()].map(({ routes }) => routes));
  const routeTables = new Map([...before.routeTables].filter(([name]) => named.has(name)));
  return { ...model, clusters, frontends, routeTables, notEnforced: [...model.notEnforced, ...leftOut(model, clusters.size, frontends, full)] };
}

/** One entry, not one a service: there may be thousands. */
function leftOut(model: MeshModel, clusters: number, frontends: MeshModel['frontends'], { message }: DataplaneError): NotEnforced[] {
  const missing = [...model.frontends].find(([key]) => !frontends.has(key))?.[1];
  const counts = `${model.clusters.size - clusters} clusters and ${model.frontends.size - frontends.size} addresses are left out, and routes stay as they were`;
  return [{ resourceType: 'listener', resource: missing?.listener ?? '', path: '', feature: 'map_full', reason: `${message}: ${counts}` }];
}
