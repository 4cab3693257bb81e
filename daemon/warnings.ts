// SPDX-License-Identifier: Apache-2.0
import type { MeshModel } from './model/types.js';

/** What operators are warned of: one warning a resource. */
export function warningsOf(model: MeshModel): readonly string[] {
  const features = new Map<string, Set<string>>();
  for (const item of model.notEnforced) {
    const resource = `${item.resourceType} ${item.resource}`;
    features.set(resource, (features.get(resource) ?? new Set()).add(item.feature));
  }
  const warnings = [...features].map(([resource, names]) => `${resource}: not enforced: ${[...names].sort().join(', ')} (see /config_dump)`);
  if (model.frontends.size === 0) warnings.unshift('the configuration names no service address: nothing is steered');
  return warnings;
}
