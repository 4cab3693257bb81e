// SPDX-License-Identifier: Apache-2.0
import { LOOKS } from './slices.js';
import type { Slices } from './slices.js';
import type { NotEnforced } from './types.js';

/** What was made of one resource. */
export interface Built<P> {
  readonly proto: P;
  readonly notEnforced: readonly NotEnforced[];
}

/** What was made of the resources of one type; another object whenever something changed. */
export interface Update<B> {
  readonly built: ReadonlyMap<string, B>;
  /** Against the update before: made anew, and gone. */
  readonly changed: ReadonlyMap<string, B>;
  readonly removed: readonly string[];
  /** Of all that is built; the same list as long as nothing of it changes. */
  readonly notEnforced: readonly NotEnforced[];
}

/** What is not enforced of each resource: there is something of few of them, and all others cost nothing here. */
export class NotEnforcedLists {
  readonly #lists = new Map<string, readonly NotEnforced[]>();
  #all: readonly NotEnforced[] = [];

  /** @returns the items of all resources. */
  update(changed: ReadonlyMap<string, { readonly notEnforced: readonly NotEnforced[] }>, removed: readonly string[]): readonly NotEnforced[] {
    let same = true;
    for (const [name, { notEnforced }] of changed) {
      if (notEnforced.length === 0) same = !this.#lists.delete(name) && same;
      else {
        this.#lists.set(name, notEnforced);
        same = false;
      }
    }
    for (const name of removed) same = !this.#lists.delete(name) && same;
    if (!same) this.#all = [...this.#lists.values()].flat();
    return this.#all;
  }
}

/** Remembers what was made of the resources of one type. */
export class Memory<P, B extends Built<P>> {
  readonly #built = new Map<string, B>();
  readonly #lists = new NotEnforcedLists();
  #update: Update<B> = { built: this.#built, changed: new Map(), removed: [], notEnforced: [] };
  #last: readonly object[] = [];

  /**
   * Makes what is new or not current any more, with what was made of it before.
   *
   * @param others all that `isCurrent` looks at beside: while they are the same objects, nothing that is there already is looked at.
   * @returns the same object as last time if nothing changed, so that what is derived from it can be kept too. Its map
   * changes with the next call.
   */
  *update(protos: ReadonlyMap<string, P>, others: readonly object[], isCurrent: (built: B) => boolean, make: (proto: P, before: B | undefined) => Slices<B>): Slices<Update<B>> {
    const last = this.#last;
    this.#last = [protos, ...others];
    if (this.#last.every((one, i) => one === last[i])) return this.#update;
    const changed = new Map<string, B>();
    let [kept, looked] = [0, 0];
    for (const [name, proto] of protos) {
      const known = this.#built.get(name);
      if (known) kept += 1;
      const current = known?.proto === proto && isCurrent(known);
      if (!current) changed.set(name, yield* make(proto, known));
      if (!current || (looked += 1) % LOOKS === 0) yield;
    }
    const removed = kept === this.#built.size ? [] : [...this.#built.keys()].filter((name) => !protos.has(name));
    if (changed.size === 0 && removed.length === 0) return this.#update;
    for (const [name, built] of changed) this.#built.set(name, built);
    for (const name of removed) this.#built.delete(name);
    this.#update = { built: this.#built, changed, removed, notEnforced: this.#lists.update(changed, removed) };
    return this.#update;
  }
}

/** A function that remembers its last argument and result. */
export function lastOnly<A extends object, R>(make: (argument: A) => R): (argument: A) => R {
  let last: { readonly argument: A; readonly result: R } | undefined;
  return (argument) => {
    if (last?.argument !== argument) last = { argument, result: make(argument) };
    return last.result;
  };
}
