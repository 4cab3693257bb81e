// SPDX-License-Identifier: Apache-2.0
import type { Resources } from '../model/resources.js';
import { whole, type Slices } from '../model/slices.js';
import type { Any } from '../proto/google/protobuf/any.js';
import { parseAnswer, type Answer, type Entry, type ParsedAnswer, type Rejection, type Validators } from './answer.js';
import type { Hosts } from './dns.js';
import { sooner, type DnsRefresh } from './dnsRefresh.js';
import { perKind, type ResourceKind } from './kinds.js';
import { Table, type Change } from './table.js';

export interface Outcome {
  /** A resource was added, replaced or removed. */
  readonly changed: boolean;
  readonly rejected: readonly Rejection[];
}

/** An answer whose resources were opened, and that is not in force yet. */
export interface OpenedAnswer<K extends ResourceKind = ResourceKind> extends ParsedAnswer<K> {
  readonly answer: Answer<K>;
  readonly change: Change<K>;
}

/** Kinds that others ask for by name: clusters for load assignments, listeners for route tables. */
export type DependentKind = 'endpoints' | 'routes';

/** Names that are asked for, each with the time that its first answer is waited for (see `Want`). */
export type Wanted = ReadonlyMap<string, number | undefined>;

/**
 * The resources in force. By the rules of state-of-the-world discovery an answer with clusters or listeners is the whole
 * set, so that what it lacks is removed, and load assignments and route tables are changed by name; in incremental
 * discovery resources of every type come and go by name. Either way load assignments and route tables live only as long
 * as a cluster or a listener asks for them. A resource that cannot be used leaves its last good version in place and the
 * others alone.
 */
export class ResourceStore {
  readonly #tables: { readonly [K in ResourceKind]: Table<K> } = {
    clusters: new Table<'clusters'>(),
    endpoints: new Table<'endpoints'>(),
    listeners: new Table<'listeners'>(),
    routes: new Table<'routes'>(),
  };
  readonly #validators: Validators;
  #wanted: Record<DependentKind, Wanted> = { endpoints: new Map(), routes: new Map() };
  #hosts: Hosts = new Map();

  constructor(validators: Validators) {
    this.#validators = validators;
  }

  /** Opens what a control plane sent; nothing changes by it. */
  *open<K extends ResourceKind>(answer: Answer<K>): Slices<OpenedAnswer<K>> {
    const parsed = yield* this.#parse(answer);
    yield;
    return { answer, ...parsed, change: yield* isWhole(answer) ? this.#planReplace(answer, parsed) : this.#planMerge(answer, parsed) };
  }

  /** Takes an answer that was opened; no other was taken since. */
  take<K extends ResourceKind>(opened: OpenedAnswer<K>): Outcome {
    const { kind } = opened.answer;
    const outcome = isWhole(opened.answer) ? this.#replace(opened) : this.#merge(opened);
    if (outcome.changed && !isDependent(kind)) this.#follow(kind);
    return outcome;
  }

  /** Takes all that files say: every kind is the whole set, and what nobody asks for is kept. */
  *load(all: Readonly<Record<ResourceKind, readonly Any[]>>): Slices<Record<ResourceKind, Outcome>> {
    const answers = perKind((kind): Answer => ({ kind, version: '', nonce: '', resources: all[kind].map((any) => ({ any, named: undefined })), removed: undefined }));
    const opened: OpenedAnswer[] = [];
    for (const answer of Object.values(answers)) {
      const parsed = yield* this.#parse(answer);
      opened.push({ answer, ...parsed, change: yield* this.#planReplace(answer, parsed) });
    }
    const outcomes = new Map(opened.map((one) => [one.answer.kind, this.#replace(one)]));
    this.#collectReferences('clusters');
    this.#collectReferences('listeners');
    return perKind((kind) => outcomes.get(kind)!);
  }

  /** Names that are asked for, in the order of who asks. */
  wanted(kind: DependentKind): Wanted {
    return this.#wanted[kind];
  }

  /** Host names that clusters want resolved, and when again. */
  get hosts(): Hosts {
    return this.#hosts;
  }

  /** Whether there was an answer for the name; where names are asked for, if only one that could not be used, or that there is none. */
  answered(kind: ResourceKind, name: string): boolean {
    const { entries, refused, absent } = this.#tables[kind];
    return entries.has(name) || refused.has(name) || absent.has(name);
  }

  /** What is held of a kind, by name. */
  entries<K extends ResourceKind>(kind: K): ReadonlyMap<string, Entry<K>> {
    const table: Table<K> = this.#tables[kind];
    return table.entries;
  }

  /** The versions of what is held, as incremental answers called them. */
  versions(kind: ResourceKind): ReadonlyMap<string, string> {
    return this.#tables[kind].versions;
  }

  snapshot(): Omit<Resources, 'resolved'> {
    const { clusters, endpoints, listeners, routes } = this.#tables;
    return { clusters: clusters.values, endpoints: endpoints.values, listeners: listeners.values, routes: routes.values };
  }

  *#parse<K extends ResourceKind>({ kind, resources }: Answer<K>): Slices<ParsedAnswer<K>> {
    const table: Table<K> = this.#tables[kind];
    return yield* parseAnswer<K>(kind, resources, this.#validators[kind], (digest) => table.byDigest.get(digest));
  }

  *#planReplace<K extends ResourceKind>({ kind }: Answer<K>, { entries, rejected }: ParsedAnswer<K>): Slices<Change<K>> {
    const table: Table<K> = this.#tables[kind];
    // A resource without a readable name may be any of those that are missing: then none of them is removed.
    const unnamed = rejected.some(({ name }) => name === undefined);
    const kept = new Set(rejected.map(({ name }) => name));
    const missing = unnamed ? [] : [...table.entries.keys()].filter((name) => !entries.has(name) && !kept.has(name));
    return yield* table.plan([...entries.values()], missing);
  }

  #replace<K extends ResourceKind>({ answer, entries, rejected, change }: OpenedAnswer<K>): Outcome {
    const table: Table<K> = this.#tables[answer.kind];
    // What it does not name any more is not refused any more.
    table.refused.clear();
    if (isDependent(answer.kind)) table.note(entries.keys(), rejected);
    return { changed: table.make(change), rejected };
  }

  *#planMerge<K extends ResourceKind>(answer: Answer<K>, { entries }: ParsedAnswer<K>): Slices<Change<K>> {
    const table: Table<K> = this.#tables[answer.kind];
    const isWanted = this.#isWanted(answer.kind);
    const wanted = [...entries.values()].filter(({ name }) => isWanted(name));
    yield;
    return yield* table.plan(wanted, this.#removed(answer, entries).filter((name) => table.entries.has(name)));
  }

  /** What is in the answer is there, whatever its other list says. */
  #removed({ kind, removed }: Answer, entries: ReadonlyMap<string, unknown>): readonly string[] {
    const isWanted = this.#isWanted(kind);
    return removed?.filter((name) => isWanted(name) && !entries.has(name)) ?? [];
  }

  #isWanted(kind: ResourceKind): (name: string | undefined) => name is string {
    const names = isDependent(kind) ? this.#wanted[kind] : undefined;
    return (name): name is string => name !== undefined && names?.has(name) !== false;
  }

  #merge<K extends ResourceKind>({ answer, entries, rejected, change }: OpenedAnswer<K>): Outcome {
    const table: Table<K> = this.#tables[answer.kind];
    const isWanted = this.#isWanted(answer.kind);
    if (isDependent(answer.kind)) table.note(entries.keys(), rejected.filter(({ name }) => isWanted(name)));
    const changed = table.make(change);
    for (const name of this.#removed(answer, entries)) {
      table.refused.delete(name);
      if (isDependent(answer.kind)) table.absent.add(name);
    }
    for (const { named } of answer.removed ? answer.resources : []) {
      if (named && entries.has(named.name) && isWanted(named.name)) table.versions.set(named.name, named.version);
    }
    return { changed, rejected };
  }

  /** After the parents changed: drops what none of them asks for. */
  #follow(parent: 'clusters' | 'listeners'): void {
    this.#collectReferences(parent);
    const kind = parent === 'clusters' ? 'endpoints' : 'routes';
    this.#drop(kind, this.#wanted[kind]);
  }

  #drop<K extends DependentKind>(kind: K, wanted: Wanted): void {
    const table: Table<K> = this.#tables[kind];
    for (const names of [table.refused, table.absent]) for (const name of names) if (!wanted.has(name)) names.delete(name);
    table.make(whole(table.plan([], [...table.entries.keys()].filter((name) => !wanted.has(name)))));
  }

  #collectReferences(parent: 'clusters' | 'listeners'): void {
    const wanted = new Map<string, number | undefined>();
    const hosts = new Map<string, DnsRefresh>();
    const entries: Iterable<Entry> = this.#tables[parent].entries.values();
    for (const entry of entries) {
      for (const { name, fetchTimeoutMs } of entry.wants) wanted.set(name, fetchTimeoutMs ?? wanted.get(name));
      for (const { name, refresh } of entry.hosts) {
        const known = hosts.get(name);
        hosts.set(name, known ? sooner(known, refresh) : refresh);
      }
    }
    if (parent === 'listeners') this.#wanted = { ...this.#wanted, routes: wanted };
    else {
      this.#wanted = { ...this.#wanted, endpoints: wanted };
      this.#hosts = hosts;
    }
  }
}

function isDependent(kind: ResourceKind): kind is DependentKind {
  return kind === 'endpoints' || kind === 'routes';
}

/** State-of-the-world answers with clusters or listeners have all of them. */
const isWhole = ({ kind, removed }: Answer): boolean => removed === undefined && !isDependent(kind);
