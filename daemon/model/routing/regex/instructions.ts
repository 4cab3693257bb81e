// SPDX-License-Identifier: Apache-2.0
import type { Expression } from './parse.js';
import { folded, inAscii, LAST_RUNE, negated, runesOf, runesOfText } from './runes.js';
import type { Runes } from './runes.js';
import { utf8Sequences } from './utf8.js';

/** Thrown for an expression that has more to it than an automaton may have, or that is not known exactly; `message` says why. */
export class Refused extends Error {}

export type Assertion = 'start_of_text' | 'end_of_text' | 'start_of_line' | 'end_of_line' | 'boundary' | 'no_boundary';

/** One of a nondeterministic automaton (Thompson's construction); `next` are indexes. */
export type Instruction =
  /** Takes a byte from `first` to `last`. */
  | { readonly kind: 'byte'; readonly first: number; readonly last: number; readonly next: number }
  /** Goes on at each of them, at none if there are none. */
  | { readonly kind: 'split'; readonly next: readonly number[] }
  /** Goes on if it holds at this place of the text. */
  | { readonly kind: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly kind: 'match' };

export interface Instructions {
  readonly list: readonly Instruction[];
  readonly start: number;
}

/** Beyond, no automaton of a sensible size comes out. */
const MOST_INSTRUCTIONS = 4096;
/** Parts of an expression with all repetitions written out: those that are empty make no instructions. */
const MOST_PARTS = 20_000;

/**
 * @param ascii whether texts have no other bytes; then of all characters only those are looked for.
 * @throws Refused
 */
export function instructionsOf(expression: Expression, ascii: boolean): Instructions {
  const compiler = new Compiler(ascii);
  const start = compiler.compile(expression, compiler.add({ kind: 'match' }));
  return { list: compiler.list, start };
}

const NO_NEWLINE = negated(runesOfText('\n'));
const ALL = runesOf([[0, LAST_RUNE]]);

class Compiler {
  readonly list: Instruction[] = [];
  readonly #ascii: boolean;
  #parts = 0;

  constructor(ascii: boolean) {
    this.#ascii = ascii;
  }

  add(instruction: Instruction): number {
    if (this.list.length >= MOST_INSTRUCTIONS) throw new Refused(`it is too large: more than ${MOST_INSTRUCTIONS} instructions`);
    this.list.push(instruction);
    return this.list.length - 1;
  }

  /** @returns where the instructions begin that match it and go on at `next`. */
  compile(expression: Expression, next: number): number {
    this.#parts += 1;
    if (this.#parts > MOST_PARTS) throw new Refused(`it is too large: more than ${MOST_PARTS} parts`);
    switch (expression.kind) {
      case 'text':
        return this.#runes(expression.ignoreCase ? folded(runesOfText(expression.text)) : runesOfText(expression.text), next);
      case 'one_of':
        return this.#runes(expression.runes, next);
      case 'any':
        return this.#runes(expression.newline ? ALL : NO_NEWLINE, next);
      case 'start':
        return this.add({ kind: 'assert', what: expression.line ? 'start_of_line' : 'start_of_text', next });
      case 'end':
        return this.add({ kind: 'assert', what: expression.line ? 'end_of_line' : 'end_of_text', next });
      case 'boundary':
        return this.add({ kind: 'assert', what: expression.inverted ? 'no_boundary' : 'boundary', next });
      case 'sequence':
        return expression.parts.reduceRight((behind, part) => this.compile(part, behind), next);
      case 'choice':
        return this.add({ kind: 'split', next: expression.options.map((option) => this.compile(option, next)) });
      case 'repeat':
        return this.#repeated(expression, next);
    }
  }

  #repeated({ of, min, max }: Extract<Expression, { kind: 'repeat' }>, next: number): number {
    let behind = max === Infinity ? this.#anyTimes(of, next) : next;
    for (let i = min; max !== Infinity && i < max; i += 1) behind = this.add({ kind: 'split', next: [this.compile(of, behind), next] });
    for (let i = 0; i < min; i += 1) behind = this.compile(of, behind);
    return behind;
  }

  #anyTimes(of: Expression, next: number): number {
    const loop = this.add({ kind: 'split', next: [] });
    this.list[loop] = { kind: 'split', next: [this.compile(of, loop), next] };
    return loop;
  }

  #runes(runes: Runes, next: number): number {
    if (!this.#ascii && !runes.whole) throw new Refused('letters beyond ASCII in any case, and classes of Unicode, are known in paths and parameters only');
    const sequences = this.#ascii ? inAscii(runes).map((range) => [range]) : utf8Sequences(runes.ranges);
    // Sequences that end alike share their ends.
    const known = new Map<string, number>();
    const byte = (first: number, last: number, behind: number): number => {
      const key = `${first} ${last} ${behind}`;
      const at = known.get(key) ?? this.add({ kind: 'byte', first, last, next: behind });
      known.set(key, at);
      return at;
    };
    const begins = sequences.map((sequence) => sequence.reduceRight((behind, [first, last]) => byte(first, last, behind), next));
    return begins.length === 1 ? begins[0]! : this.add({ kind: 'split', next: begins });
  }
}
