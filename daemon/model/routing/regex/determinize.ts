// SPDX-License-Identifier: Apache-2.0
import { spend } from './budget.js';
import type { Budget } from './budget.js';
import { Refused } from './instructions.js';
import type { Assertion, Instruction, Instructions } from './instructions.js';

/** A deterministic automaton that may have more states than it needs. State 0 leads nowhere. */
export interface Table {
  readonly start: number;
  readonly accepting: readonly boolean[];
  readonly width: number;
  /** The class of each of the 256 bytes. */
  readonly classes: Uint8Array;
  /** The state behind a byte of class c in state s is at s * width + c. */
  readonly next: readonly number[];
}

/** Before the automaton is made smaller. */
const MOST_STATES = 512;
/** Instructions that are looked at: some ten milliseconds. What people write takes a hundredth of it. */
const MOST_WORK = 250_000;

/** What stands at one side of a place in a text. */
type Side = 'nothing' | 'newline' | 'word' | 'other';

/** By the byte that stands there. */
const SIDES: readonly Side[] = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte);
  return char === '\n' ? 'newline' : /\w/.test(char) ? 'word' : 'other';
});

/**
 * The subset construction. What an assertion is about is on both sides of its place, so it stays in a state until the next byte, or
 * the end, is known.
 *
 * @param budget what it took is taken from it, also when it is refused.
 * @throws Refused when it takes too many states or too long, in a unit that is not time.
 */
export function determinize(instructions: Instructions, budget: Budget): Table {
  const construction = new Construction(instructions);
  try {
    return construction.run();
  } finally {
    spend(budget, construction.work);
  }
}

/** Instructions that wait for a byte, for what follows, or that match; and what stands before them, where that matters. */
interface State {
  readonly places: readonly number[];
  readonly before: Side;
}

class Construction {
  readonly #list: readonly Instruction[];
  readonly #start: number;
  readonly #classes: Uint8Array;
  /** One byte of each class. */
  readonly #examples: readonly number[];
  readonly #numbers = new Map<string, number>();
  readonly #states: State[] = [];
  readonly #seen: Uint32Array;
  #round = 0;
  #work = 0;

  constructor({ list, start }: Instructions) {
    this.#list = list;
    this.#start = start;
    this.#seen = new Uint32Array(list.length);
    const { classes, examples } = classesOf(list);
    this.#classes = classes;
    this.#examples = examples;
  }

  /** Instructions that were looked at. */
  get work(): number {
    return this.#work;
  }

  run(): Table {
    this.#number({ places: [], before: 'other' });
    const start = this.#number(this.#state([this.#start], 'nothing'));
    const next: number[] = [];
    const accepting: boolean[] = [];
    for (let i = 0; i < this.#states.length; i += 1) {
      const state = this.#states[i]!;
      accepting.push(this.#ready(state, 'nothing').some((place) => this.#list[place]!.kind === 'match'));
      for (const byte of this.#examples) next.push(this.#number(this.#behind(state, byte)));
    }
    return { start, accepting, width: this.#examples.length, classes: this.#classes, next };
  }

  #number(state: State): number {
    const key = `${state.before} ${state.places.join(' ')}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (this.#states.length >= MOST_STATES) throw new Refused(`it is too large: more than ${MOST_STATES} states`);
    this.#numbers.set(key, this.#states.length);
    return this.#states.push(state) - 1;
  }

  /** @param before what stands before these places. */
  #state(places: readonly number[], before: Side): State {
    const followed = this.#follow(places, () => undefined);
    return { places: followed, before: followed.some((place) => this.#list[place]!.kind === 'assert') ? before : 'other' };
  }

  /** The instructions of a state that take a byte or match, given what stands behind its place. */
  #ready({ places, before }: State, behind: Side): readonly number[] {
    if (!places.some((place) => this.#list[place]!.kind === 'assert')) return places;
    return this.#follow(places, (what) => holds(what, before, behind)).filter((place) => this.#list[place]!.kind !== 'assert');
  }

  #behind(state: State, byte: number): State {
    const next: number[] = [];
    for (const place of this.#ready(state, SIDES[byte]!)) {
      this.#work += 1;
      const instruction = this.#list[place]!;
      if (instruction.kind === 'byte' && instruction.first <= byte && byte <= instruction.last) next.push(instruction.next);
    }
    return this.#state(next, SIDES[byte]!);
  }

  /** Where one comes to without taking a byte, in order. @param holds undefined: not known yet. */
  #follow(places: readonly number[], holds: (what: Assertion) => boolean | undefined): number[] {
    this.#round += 1;
    const found: number[] = [];
    const open = [...places];
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      if (this.#seen[place] === this.#round) continue;
      this.#seen[place] = this.#round;
      this.#work += 1;
      const instruction = this.#list[place]!;
      if (instruction.kind === 'split') open.push(...instruction.next);
      else if (instruction.kind === 'assert' && holds(instruction.what) === true) open.push(instruction.next);
      else found.push(place);
    }
    if (this.#work > MOST_WORK) throw new Refused('it takes too long to make an automaton of it');
    return found.sort((a, b) => a - b);
  }
}

function holds(what: Assertion, before: Side, behind: Side): boolean {
  switch (what) {
    case 'start_of_text':
      return before === 'nothing';
    case 'end_of_text':
      return behind === 'nothing';
    case 'start_of_line':
      return before === 'nothing' || before === 'newline';
    case 'end_of_line':
      return behind === 'nothing' || behind === 'newline';
    case 'boundary':
      return (before === 'word') !== (behind === 'word');
    case 'no_boundary':
      return (before === 'word') === (behind === 'word');
  }
}

/** Bytes that no instruction tells apart are of one class. */
function classesOf(list: readonly Instruction[]): { classes: Uint8Array; examples: number[] } {
  const begins = new Set([0]);
  for (const instruction of list) if (instruction.kind === 'byte') begins.add(instruction.first).add(instruction.last + 1);
  const asserts = list.some(({ kind }) => kind === 'assert');
  for (let byte = 1; asserts && byte < 256; byte += 1) if (SIDES[byte] !== SIDES[byte - 1]) begins.add(byte);
  const classes = new Uint8Array(256);
  const examples: number[] = [];
  for (let byte = 0; byte < 256; byte += 1) {
    if (begins.has(byte)) examples.push(byte);
    classes[byte] = examples.length - 1;
  }
  return { classes, examples };
}
