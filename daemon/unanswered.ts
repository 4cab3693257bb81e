// SPDX-License-Identifier: Apache-2.0
import type { Resources } from './model/resources.js';
import type { MeshModel } from './model/types.js';
import type { Complete } from './xds/source.js';

/**
 * While adopted maps are in force, a cluster whose endpoints did not arrive in time is left out, so that its
 * adopted endpoints stay instead of being replaced by none. One that was `before` had an answer, and has lost its endpoints since.
 */
export function withoutUnanswered(resources: Resources, complete: Complete, before: MeshModel | undefined): Resources {
  if (complete.endpoints) return resources;
  const clusters = new Map(
    [...resources.clusters].filter(([name, cluster]) => before?.clusters.has(name) || !cluster.edsClusterConfig || resources.endpoints.has(cluster.edsClusterConfig.serviceName || name)),
  );
  return { ...resources, clusters };
}
