// SPDX-License-Identifier: Apache-2.0
import type { Resources } from '../model/resources.js';
import type { Any } from '../proto/google/protobuf/any.js';
import { parseAnswer, type Entry, type Rejection, type Validators } from './answer.js';
import { perKind, type ResourceKind, type ResourceOf } from './kinds.js';

export interface Outcome {
  /** A resource was added, replaced or removed. */
  readonly changed: boolean;
  readonly rejected: readonly Rejection[];
}

/** Kinds that others ask for by name: clusters for load assignments, listeners for route tables. */
export type DependentKind = 'endpoints' | 'routes';

/** The resources of one kind that are held. */
class Table<K extends ResourceKind> {
  readonly entries = new Map<string, Entry<K>>();
  /** Replaced, never changed: snapshots hold on to it. Copying it is what a change costs at 10,000 resources. */
  values: ReadonlyMap<string, ResourceOf<K>> = new Map();
  readonly byDigest = new Map<string, Entry<K>>();
  /** Names whose newest version was refused. */
  readonly refused = new Set<string>();

  /** @returns whether there was anything to do. */
  change(set: readonly Entry<K>[], remove: readonly string[]): boolean {
    if (set.length === 0 && remove.length === 0) return false;
    const values = new Map(this.values);
    for (const name of remove) {
      this.#forgetDigest(name);
      this.entries.delete(name);
      values.delete(name);
    }
    for (const entry of set) {
      this.#forgetDigest(entry.name);
      this.byDigest.set(entry.digest, entry);
      this.entries.set(entry.name, entry);
      values.set(entry.name, entry.value);
    }
    this.values = values;
    return true;
  }

  #forgetDigest(name: string): void {
    const entry = this.entries.get(name);
    if (entry !== undefined) this.byDigest.delete(entry.digest);
  }

  note(accepted: Iterable<string>, rejected: readonly Rejection[]): void {
    for (const name of accepted) this.refused.delete(name);
    for (const { name } of rejected) if (name !== undefined) this.refused.add(name);
  }
}

/**
 * The resources in force, by the rules of state-of-the-world discovery: an answer with clusters or listeners
 * is the whole set, so that what it lacks is removed; load assignments and route tables are changed by name
 * and live as long as a cluster or a listener asks for them. A resource that cannot be used leaves its last
 * good version in place and the others alone.
 */
export class ResourceStore {
  readonly #tables: { readonly [K in ResourceKind]: Table<K> } = {
    clusters: new Table<'clusters'>(),
    endpoints: new Table<'endpoints'>(),
    listeners: new Table<'listeners'>(),
    routes: new Table<'routes'>(),
  };
  readonly #validators: Validators;
  #wanted: Record<DependentKind, ReadonlySet<string>> = { endpoints: new Set(), routes: new Set() };
  #hosts: ReadonlySet<string> = new Set();

  constructor(validators: Validators) {
    this.#validators = validators;
  }

  /** Takes one answer of a control plane. */
  apply(kind: ResourceKind, resources: readonly Any[]): Outcome {
    const outcome = isDependent(kind) ? this.#merge(kind, resources) : this.#replace(kind, resources);
    if (outcome.changed && !isDependent(kind)) this.#follow(kind);
    return outcome;
  }

  /** Takes all that files say: every kind is the whole set, and what nobody asks for is kept. */
  load(all: Readonly<Record<ResourceKind, readonly Any[]>>): Record<ResourceKind, Outcome> {
    const outcomes = perKind((kind) => this.#replace(kind, all[kind]));
    this.#collectReferences('clusters');
    this.#collectReferences('listeners');
    return outcomes;
  }

  /** Names that are asked for, in the order of who asks. */
  wanted(kind: DependentKind): ReadonlySet<string> {
    return this.#wanted[kind];
  }

  /** Host names that clusters want resolved. */
  get hosts(): ReadonlySet<string> {
    return this.#hosts;
  }

  /** Whether there was an answer for the name, if only one that could not be used. */
  answered(kind: DependentKind, name: string): boolean {
    const table = this.#tables[kind];
    return table.entries.has(name) || table.refused.has(name);
  }

  snapshot(): Omit<Resources, 'resolved'> {
    const { clusters, endpoints, listeners, routes } = this.#tables;
    return { clusters: clusters.values, endpoints: endpoints.values, listeners: listeners.values, routes: routes.values };
  }

  #parse<K extends ResourceKind>(kind: K, resources: readonly Any[]) {
    const table: Table<K> = this.#tables[kind];
    return { table, ...parseAnswer<K>(kind, resources, this.#validators[kind], (digest) => table.byDigest.get(digest)) };
  }

  #replace<K extends ResourceKind>(kind: K, resources: readonly Any[]): Outcome {
    const { table, entries, rejected } = this.#parse(kind, resources);
    table.note(entries.keys(), rejected);
    // A resource without a readable name may be any of those that are missing: then none of them is removed.
    const unnamed = rejected.some(({ name }) => name === undefined);
    const kept = new Set(rejected.map(({ name }) => name));
    const missing = unnamed ? [] : [...table.entries.keys()].filter((name) => !entries.has(name) && !kept.has(name));
    return { changed: table.change(fresh(table, entries.values()), missing), rejected };
  }

  #merge<K extends DependentKind>(kind: K, resources: readonly Any[]): Outcome {
    const { table, entries, rejected } = this.#parse<K>(kind, resources);
    const names = this.#wanted[kind];
    table.note(entries.keys(), rejected.filter(({ name }) => name !== undefined && names.has(name)));
    const wanted = [...entries.values()].filter(({ name }) => names.has(name));
    return { changed: table.change(fresh(table, wanted), []), rejected };
  }

  /** After the parents changed: drops what none of them asks for. */
  #follow(parent: 'clusters' | 'listeners'): void {
    this.#collectReferences(parent);
    const kind = parent === 'clusters' ? 'endpoints' : 'routes';
    this.#drop(kind, this.#wanted[kind]);
  }

  #drop<K extends DependentKind>(kind: K, wanted: ReadonlySet<string>): void {
    const table: Table<K> = this.#tables[kind];
    for (const name of table.refused) if (!wanted.has(name)) table.refused.delete(name);
    table.change([], [...table.entries.keys()].filter((name) => !wanted.has(name)));
  }

  #collectReferences(parent: 'clusters' | 'listeners'): void {
    const entries: readonly Entry[] = [...this.#tables[parent].entries.values()];
    const names = new Set(entries.flatMap(({ wants }) => wants));
    if (parent === 'listeners') this.#wanted = { ...this.#wanted, routes: names };
    else {
      this.#wanted = { ...this.#wanted, endpoints: names };
      this.#hosts = new Set(entries.flatMap(({ hosts }) => hosts));
    }
  }
}

function isDependent(kind: ResourceKind): kind is DependentKind {
  return kind === 'endpoints' || kind === 'routes';
}

/** Those that the table does not hold as they are. */
function fresh<K extends ResourceKind>(table: Table<K>, entries: Iterable<Entry<K>>): Entry<K>[] {
  return [...entries].filter((entry) => table.entries.get(entry.name) !== entry);
}
