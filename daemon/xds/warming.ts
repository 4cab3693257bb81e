// SPDX-License-Identifier: Apache-2.0
import type { Resources } from '../model/resources.js';
import type { Entry } from './answer.js';
import type { Topic } from './progress.js';

/** Whether an answer is still waited for. */
type Waits = (topic: Topic, name: string) => boolean;

export interface Parents {
  readonly clusters: ReadonlyMap<string, Entry<'clusters'>>;
  readonly listeners: ReadonlyMap<string, Entry<'listeners'>>;
}

/**
 * The resources that can be in force while something is waited for: a cluster that waits for its endpoints or host names,
 * and a listener that waits for its routes, are as they were in `last`, or are not there yet. All others are as they are now.
 */
export function warmed(now: Resources, { clusters, listeners }: Parents, last: Resources, waits: Waits): Resources {
  const cold = (entry: Entry, topic: Topic): boolean => entry.wants.some(({ name }) => waits(topic, name)) || entry.hosts.some(({ name }) => waits('hosts', name));
  const coldClusters = [...clusters.values()].filter((entry) => cold(entry, 'endpoints')).map(({ name }) => name);
  const coldListeners = [...listeners.values()].filter((entry) => cold(entry, 'routes')).map(({ name }) => name);
  return {
    clusters: asBefore(now.clusters, last.clusters, coldClusters),
    listeners: asBefore(now.listeners, last.listeners, coldListeners),
    // What only the earlier version asks for is not held any more.
    endpoints: coldClusters.length === 0 ? now.endpoints : new Map([...last.endpoints, ...now.endpoints]),
    routes: coldListeners.length === 0 ? now.routes : new Map([...last.routes, ...now.routes]),
    resolved: coldClusters.length === 0 ? now.resolved : new Map([...last.resolved, ...now.resolved]),
  };
}

function asBefore<T>(now: ReadonlyMap<string, T>, last: ReadonlyMap<string, T>, names: readonly string[]): ReadonlyMap<string, T> {
  if (names.length === 0) return now;
  const view = new Map(now);
  for (const name of names) {
    const before = last.get(name);
    if (before === undefined) view.delete(name);
    else view.set(name, before);
  }
  return view;
}
