// SPDX-License-Identifier: Apache-2.0
import type { Cluster as ClusterProto } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { ClusterLoadAssignment } from '../proto/envoy/config/endpoint/v3/endpoint.js';
import { NotEnforcedLists } from './memory.js';
import type { Built, Update } from './memory.js';
import type { Ejections } from './outliers.js';
import type { Resources } from './resources.js';
import { differences } from './shardedMap.js';
import { LOOKS } from './slices.js';
import type { Slices } from './slices.js';
import type { Cluster } from './types.js';

/** What a cluster was made of, and what came of it. */
export interface BuiltCluster extends Built<ClusterProto> {
  /** Name of the load assignment that it asks for. */
  readonly asksFor: string | undefined;
  readonly assignment: ClusterLoadAssignment | undefined;
  /** Host names that were looked up, with what was found. */
  readonly resolved: ReadonlyMap<string, readonly string[] | undefined>;
  readonly bySource: boolean;
  readonly ejected: ReadonlySet<string> | undefined;
  readonly cluster: Cluster;
}

/** All that clusters are made of. */
export interface ClusterInput extends Pick<Resources, 'clusters' | 'endpoints' | 'resolved'> {
  readonly ejected: Ejections;
  /** Clusters that connections come to by a hash of the client's address. */
  readonly hashed: ReadonlySet<string>;
}

const NOTHING: ClusterInput = { clusters: new Map(), endpoints: new Map(), resolved: new Map(), ejected: new Map(), hashed: new Set() };

/**
 * Remembers what was made of clusters, and who asked for what: there are as many of them as services, and most changes are
 * of one load assignment, so that not even a look at each is free.
 */
export class ClusterMemory {
  readonly #built = new Map<string, BuiltCluster>();
  /** Clusters by the load assignment that they ask for, but for those that ask by their own name, and by the host names that they look up. */
  readonly #asking = new Users();
  readonly #resolving = new Users();
  readonly #lists = new NotEnforcedLists();
  #input = NOTHING;
  #update: Update<BuiltCluster> = { built: this.#built, changed: new Map(), removed: [], notEnforced: [] };

  /**
   * Makes those anew for which something changed.
   *
   * @returns as `Memory.update` does.
   */
  *update(input: ClusterInput, make: (proto: ClusterProto) => Slices<BuiltCluster>): Slices<Update<BuiltCluster>> {
    const changed = new Map<string, BuiltCluster>();
    const removed: string[] = [];
    for (const name of yield* this.#affected(input)) {
      const proto = input.clusters.get(name);
      const known = this.#built.get(name);
      if (proto === undefined) {
        if (known) removed.push(name);
      } else if (known?.proto !== proto || !isCurrent(known, name, input)) {
        changed.set(name, yield* make(proto));
        yield;
      }
    }
    this.#input = input;
    if (changed.size === 0 && removed.length === 0) return this.#update;
    for (const name of removed) this.#forget(name);
    for (const [name, built] of changed) this.#note(name, built);
    yield;
    this.#update = { built: this.#built, changed, removed, notEnforced: this.#lists.update(changed, removed) };
    return this.#update;
  }

  /** Names of the clusters for which something may have changed since the last update. */
  *#affected({ clusters, endpoints, resolved, ejected, hashed }: ClusterInput): Slices<ReadonlySet<string>> {
    const last = this.#input;
    const affected = new Set<string>();
    let looked = 0;
    for (const name of differences(last.clusters, clusters)) {
      affected.add(name);
      if ((looked += 1) % LOOKS === 0) yield;
    }
    for (const assignment of differences(last.endpoints, endpoints)) {
      affected.add(assignment);
      for (const name of this.#asking.of(assignment)) affected.add(name);
      if ((looked += 1) % LOOKS === 0) yield;
    }
    for (const host of differences(last.resolved, resolved)) for (const name of this.#resolving.of(host)) affected.add(name);
    for (const name of differences(last.ejected, ejected)) affected.add(name);
    if (last.hashed !== hashed) for (const name of [...last.hashed, ...hashed]) if (last.hashed.has(name) !== hashed.has(name)) affected.add(name);
    return affected;
  }

  #note(name: string, built: BuiltCluster): void {
    this.#forget(name);
    this.#built.set(name, built);
    if (built.asksFor !== undefined && built.asksFor !== name) this.#asking.add(built.asksFor, name);
    for (const host of built.resolved.keys()) this.#resolving.add(host, name);
  }

  #forget(name: string): void {
    const built = this.#built.get(name);
    if (!built) return;
    this.#built.delete(name);
    if (built.asksFor !== undefined) this.#asking.remove(built.asksFor, name);
    for (const host of built.resolved.keys()) this.#resolving.remove(host, name);
  }
}

/** Who uses a thing, by its name. */
class Users {
  readonly #users = new Map<string, Set<string>>();

  of(thing: string): Iterable<string> {
    return this.#users.get(thing) ?? [];
  }

  add(thing: string, user: string): void {
    const users = this.#users.get(thing);
    if (users) users.add(user);
    else this.#users.set(thing, new Set([user]));
  }

  remove(thing: string, user: string): void {
    const users = this.#users.get(thing);
    if (users?.delete(user) && users.size === 0) this.#users.delete(thing);
  }
}

/** Looks at no field of a message: each of them would be opened for it. */
function isCurrent({ asksFor, assignment, resolved, bySource, ejected }: BuiltCluster, name: string, input: ClusterInput): boolean {
  if (bySource !== input.hashed.has(name) || ejected !== input.ejected.get(name)) return false;
  for (const [host, addresses] of resolved) if (input.resolved.get(host) !== addresses) return false;
  return assignment === (asksFor === undefined ? undefined : input.endpoints.get(asksFor));
}
