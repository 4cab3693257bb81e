// SPDX-License-Identifier: Apache-2.0
import { automatonKey } from '../model/routing/regex/automaton.js';
import type { Automaton } from '../model/routing/regex/automaton.js';
import type { IdAllocator } from './ids.js';
import type { Schedule } from './schedule.js';

/** An automaton that steps run. */
export interface AutomatonImage {
  readonly id: number;
  /** How many steps of the image run it: it goes with the last one. */
  readonly uses: number;
}

/** The automata that steps run, each once however many do. */
export class AutomatonTable {
  readonly #schedule: Schedule;
  readonly #ids: IdAllocator;
  readonly #most: number;
  #automata: ReadonlyMap<string, AutomatonImage>;
  #copy: Map<string, AutomatonImage> | undefined;
  #keys: Map<number, string> | undefined;
  /** Entries of the map, also those that go at the end of the plan. */
  #entries: number;

  /**
   * @param others entries of the map that nobody runs.
   * @param most entries that the map takes.
   */
  constructor(schedule: Schedule, ids: IdAllocator, automata: ReadonlyMap<string, AutomatonImage>, others: number, most: number) {
    this.#schedule = schedule;
    this.#ids = ids;
    this.#automata = automata;
    this.#entries = automata.size + others;
    this.#most = most;
  }

  /** Whether one more finds room. */
  get hasRoom(): boolean {
    return this.#entries < this.#most;
  }

  /** The id that a step is to have; undefined: there is no room. */
  idOf(automaton: Automaton): number | undefined {
    return this.#automata.get(automatonKey(automaton))?.id;
  }

  /** One step more runs it. @returns its id; undefined: there is no room. */
  take(automaton: Automaton): number | undefined {
    const key = automatonKey(automaton);
    const known = this.#automata.get(key);
    if (known) return this.#count(key, known, 1);
    if (!this.hasRoom) return undefined;
    const id = this.#ids.take('automaton');
    this.#schedule.automaton(id, automaton);
    this.#entries += 1;
    this.#keys?.set(id, key);
    return this.#count(key, { id, uses: 0 }, 1);
  }

  /** One step more runs the automaton of another step. */
  share(id: number): void {
    this.#countById(id, 1);
  }

  /** One step less runs it. */
  leave(id: number): void {
    this.#countById(id, -1);
  }

  /** Removes what no step runs any more. */
  finish(): ReadonlyMap<string, AutomatonImage> {
    for (const [key, { id, uses }] of this.#copy ?? []) {
      if (uses > 0) continue;
      this.#schedule.removeAutomaton(id);
      this.#copy!.delete(key);
    }
    return this.#automata;
  }

  #countById(id: number, by: number): void {
    this.#keys ??= new Map([...this.#automata].map(([key, image]) => [image.id, key]));
    const key = this.#keys.get(id);
    const image = key === undefined ? undefined : this.#automata.get(key);
    if (image) this.#count(key!, image, by);
  }

  #count(key: string, { id, uses }: AutomatonImage, by: number): number {
    if (!this.#copy) this.#automata = this.#copy = new Map(this.#automata);
    this.#copy.set(key, { id, uses: uses + by });
    return id;
  }
}
