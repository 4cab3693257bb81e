// SPDX-License-Identifier: Apache-2.0
import type { Resources } from '../model/resources.js';
import type { Entry } from './answer.js';
import type { Topic } from './progress.js';
import { wantedAssignment, wantedRoutes, type Want } from './references.js';

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
    endpoints: withEarlier(now.endpoints, last.endpoints, askedBefore(clusters, 'endpoints', earlier(last.clusters, coldClusters).map(wantedAssignment), waits)),
    routes: withEarlier(now.routes, last.routes, askedBefore(listeners, 'routes', earlier(last.listeners, coldListeners).flatMap(wantedRoutes), waits)),
    resolved: coldClusters.length === 0 ? now.resolved : new Map([...last.resolved, ...now.resolved]),
  };
}

const earlier = <T>(last: ReadonlyMap<string, T>, names: readonly string[]): readonly T[] => names.flatMap((name) => last.get(name) ?? []);

/**
 * Of the names that earlier versions ask for, those of which there is no newer word: nobody asks for them any more, so that they are not held, or
 * their answer is waited for. One that the control plane took away meanwhile is gone for all.
 */
function askedBefore(parents: ReadonlyMap<string, Entry>, topic: Topic, wants: readonly (Want | undefined)[], waits: Waits): readonly string[] {
  if (wants.length === 0) return [];
  const asked = new Set([...parents.values()].flatMap((entry) => entry.wants.map(({ name }) => name)));
  return wants.flatMap((want) => (want && (!asked.has(want.name) || waits(topic, want.name)) ? [want.name] : []));
}

function withEarlier<T>(now: ReadonlyMap<string, T>, last: ReadonlyMap<string, T>, names: readonly string[]): ReadonlyMap<string, T> {
  const missing = names.filter((name) => !now.has(name) && last.has(name));
  if (missing.length === 0) return now;
  const view = new Map(now);
  for (const name of missing) view.set(name, last.get(name)!);
  return view;
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
