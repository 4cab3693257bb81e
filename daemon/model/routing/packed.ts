// SPDX-License-Identifier: Apache-2.0
import type { RouteProgram, RouteStep } from '../routeTable.js';
import { targetKey } from '../target.js';
import type { Target } from '../types.js';
import { sameAutomaton } from './regex/automaton.js';
import type { Automaton } from './regex/automaton.js';

const FIELDS = ['method', 'path', 'full_path', 'authority', 'scheme'] as const;
const LENGTHS = ['exactly', 'at_least'] as const;
const DEFAULTS = ['no_route', 'undecidable'] as const;
const OPS = ['field', 'header', 'param', 'empty', 'compare', 'length', 'contains', 'range', 'automaton', 'target', 'default'] as const satisfies readonly RouteStep['op'][];

/**
 * A program as one text of some ten bytes a step, each character a byte: as objects the steps of 300,000 routes take 300 MB, and whoever
 * collects garbage has to look at each of them again and again. Steps are made anew whenever they are asked for.
 */
export class PackedProgram implements RouteProgram {
  readonly #bytes: string;
  /** Of the steps that have one, in their order. */
  readonly #targets: readonly Target[];
  readonly #automata: readonly Automaton[];

  constructor({ steps }: RouteProgram) {
    const writer = new Writer();
    for (const [index, step] of steps.entries()) write(writer, step, index);
    this.#bytes = writer.text();
    this.#targets = steps.flatMap((step) => (step.op === 'target' ? [step.target] : []));
    this.#automata = steps.flatMap((step) => (step.op === 'automaton' ? [step.automaton] : NONE));
  }

  get steps(): readonly RouteStep[] {
    const reader = new Reader(this.#bytes);
    const [targets, automata] = [this.#targets.values(), this.#automata.values()];
    const steps: RouteStep[] = [];
    while (!reader.done) steps.push(read(reader, steps.length, () => targets.next().value!, () => automata.next().value!));
    return steps;
  }

  /** What its steps lead to, each once. */
  get targets(): readonly Target[] {
    return this.#targets.length < 2 ? this.#targets : [...new Map(this.#targets.map((target) => [targetKey(target), target])).values()];
  }

  equals(other: PackedProgram): boolean {
    return (
      this.#bytes === other.#bytes &&
      this.#targets.every((target, i) => targetKey(target) === targetKey(other.#targets[i]!)) &&
      this.#automata.every((automaton, i) => sameAutomaton(automaton, other.#automata[i]!))
    );
  }
}

const NONE: readonly Automaton[] = [];

function write(to: Writer, step: RouteStep, index: number): void {
  to.number(OPS.indexOf(step.op));
  switch (step.op) {
    case 'field':
      to.number(FIELDS.indexOf(step.field));
      break;
    case 'header':
    case 'param':
      to.bytes(Buffer.from(step.name));
      break;
    case 'compare':
      to.bytes(step.bytes).number(step.offset).number(Number(step.fromEnd)).number(Number(step.ignoreCase));
      break;
    case 'length':
      to.number(LENGTHS.indexOf(step.is)).number(step.bytes);
      break;
    case 'contains':
      to.bytes(step.bytes).number(Number(step.ignoreCase));
      break;
    case 'range':
      to.bytes(Buffer.from(`${step.start} ${step.end}`));
      break;
    case 'automaton':
      to.bytes(Buffer.from(step.regex)).number(step.unsure - index);
      break;
    case 'default':
      to.number(DEFAULTS.indexOf(step.why));
      return;
    case 'target':
      return;
  }
  // Jumps go forward, most of them to one of the next steps.
  to.number(step.then - index).number(step.otherwise - index);
}

function read(from: Reader, index: number, target: () => Target, automaton: () => Automaton): RouteStep {
  const op = OPS[from.number()]!;
  // Field by field, in the order of their values: a spread takes ten times as long.
  const jump = (): number => index + from.number();
  switch (op) {
    case 'field':
      return { op, field: FIELDS[from.number()]!, then: jump(), otherwise: jump() };
    case 'header':
    case 'param':
      return { op, name: from.bytes().toString(), then: jump(), otherwise: jump() };
    case 'empty':
      return { op, then: jump(), otherwise: jump() };
    case 'compare':
      return { op, bytes: from.bytes(), offset: from.number(), fromEnd: from.number() === 1, ignoreCase: from.number() === 1, then: jump(), otherwise: jump() };
    case 'length':
      return { op, is: LENGTHS[from.number()]!, bytes: from.number(), then: jump(), otherwise: jump() };
    case 'contains':
      return { op, bytes: from.bytes(), ignoreCase: from.number() === 1, then: jump(), otherwise: jump() };
    case 'range': {
      const [start = '', end = ''] = from.bytes().toString().split(' ');
      return { op, start: BigInt(start), end: BigInt(end), then: jump(), otherwise: jump() };
    }
    case 'automaton':
      return { op, automaton: automaton(), regex: from.bytes().toString(), unsure: jump(), then: jump(), otherwise: jump() };
    case 'target':
      return { op, target: target() };
    case 'default':
      return { op, why: DEFAULTS[from.number()]! };
  }
}

/** Where programs are put together, one at a time. */
let scratch = Buffer.allocUnsafe(1 << 16);

/** Natural numbers as in protobuf, seven bits a byte; bytes behind their number. */
class Writer {
  #at = 0;

  number(value: number): this {
    this.#reserve(8);
    let left = value;
    for (; left > 0x7f; left = Math.floor(left / 0x80)) scratch[this.#at++] = (left % 0x80) | 0x80;
    scratch[this.#at++] = left;
    return this;
  }

  bytes(value: Buffer): this {
    this.number(value.length).#reserve(value.length);
    scratch.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  text(): string {
    return scratch.toString('latin1', 0, this.#at);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= scratch.length) return;
    scratch = Buffer.concat([scratch], 2 * scratch.length + bytes);
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at === this.#text.length;
  }

  number(): number {
    let [value, unit] = [0, 1];
    for (;;) {
      const byte = this.#text.charCodeAt(this.#at++);
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 0x80;
    }
  }

  bytes(): Buffer {
    const length = this.number();
    this.#at += length;
    return Buffer.from(this.#text.slice(this.#at - length, this.#at), 'latin1');
  }
}
