// SPDX-License-Identifier: Apache-2.0
import type { IdAllocator } from './ids.js';
import type { ListenerImage } from './image.js';
import type { Schedule } from './schedule.js';

/** The listeners that frontends name, with the number of their frontends. */
export class ListenerTable {
  readonly #schedule: Schedule;
  readonly #ids: IdAllocator;
  #listeners: ReadonlyMap<string, ListenerImage>;
  #copy: Map<string, ListenerImage> | undefined;

  constructor(schedule: Schedule, ids: IdAllocator, listeners: ReadonlyMap<string, ListenerImage>) {
    this.#schedule = schedule;
    this.#ids = ids;
    this.#listeners = listeners;
  }

  /** A frontend comes from `before` (undefined: it is new) to the listener `name`. */
  move(before: string | undefined, name: string): { readonly name: string; readonly id: number } {
    if (before !== name) {
      this.#count(name, 1);
      if (before !== undefined) this.#count(before, -1);
    }
    return { name, id: this.#listeners.get(name)!.id };
  }

  leave(name: string): void {
    this.#count(name, -1);
  }

  /** Removes the listeners without a frontend. */
  finish(): ReadonlyMap<string, ListenerImage> {
    for (const [name, { id, frontends }] of this.#copy ?? []) {
      if (frontends > 0) continue;
      this.#schedule.removeState('km_listener_state', id);
      this.#schedule.removeName({ kind: 'listener', id });
      this.#copy!.delete(name);
    }
    return this.#listeners;
  }

  #count(name: string, by: number): void {
    if (!this.#copy) this.#listeners = this.#copy = new Map(this.#listeners);
    const listener = this.#copy.get(name) ?? this.#create(name);
    this.#copy.set(name, { id: listener.id, frontends: listener.frontends + by });
  }

  #create(name: string): ListenerImage {
    const id = this.#ids.takeFor('listener', name);
    this.#schedule.name({ kind: 'listener', id }, name);
    this.#schedule.state('km_listener_state', id);
    return { id, frontends: 0 };
  }
}
