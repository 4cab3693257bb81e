// SPDX-License-Identifier: Apache-2.0
import { ShardedMap } from '../model/shardedMap.js';
import type { Slices } from '../model/slices.js';
import type { Entry, Rejection } from './answer.js';
import type { ResourceKind, ResourceOf } from './kinds.js';

/** What an answer does to the resources of its kind. */
export interface Change<K extends ResourceKind> {
  readonly set: readonly Entry<K>[];
  readonly remove: readonly string[];
  /** The resources with it. */
  readonly values: ShardedMap<ResourceOf<K>>;
}

/** The resources of one kind that are held. */
export class Table<K extends ResourceKind> {
  readonly entries = new Map<string, Entry<K>>();
  /** Replaced, never changed: snapshots hold on to it. */
  values = ShardedMap.empty<ResourceOf<K>>();
  readonly byDigest = new Map<string, Entry<K>>();
  /** Names that are asked for whose newest version was refused: of clusters and listeners, which nobody asks for by name, it would never end. */
  readonly refused = new Set<string>();
  /** Names of which the control plane says that there is no such resource. */
  readonly absent = new Set<string>();
  /** What incremental answers called the version of an entry. */
  readonly versions = new Map<string, string>();

  /** What setting some (those that it does not hold as they are) and removing others comes to. */
  *plan(entries: readonly Entry<K>[], remove: readonly string[]): Slices<Change<K>> {
    const set = entries.filter((entry) => this.entries.get(entry.name) !== entry);
    yield;
    return { set, remove, values: this.values.with(set.map(({ name, value }) => [name, value] as const), remove) };
  }

  /** @returns whether there was anything to do. */
  make({ set, remove, values }: Change<K>): boolean {
    if (set.length === 0 && remove.length === 0) return false;
    for (const name of remove) {
      this.#forgetDigest(name);
      this.entries.delete(name);
      this.versions.delete(name);
    }
    for (const entry of set) {
      this.#forgetDigest(entry.name);
      this.byDigest.set(entry.digest, entry);
      this.entries.set(entry.name, entry);
    }
    this.values = values;
    return true;
  }

  #forgetDigest(name: string): void {
    const entry = this.entries.get(name);
    if (entry !== undefined) this.byDigest.delete(entry.digest);
  }

  note(accepted: Iterable<string>, rejected: readonly Rejection[]): void {
    for (const name of accepted) {
      this.refused.delete(name);
      this.absent.delete(name);
    }
    for (const { name } of rejected) if (name !== undefined) this.refused.add(name);
  }
}
