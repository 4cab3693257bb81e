// SPDX-License-Identifier: Apache-2.0
import type { StepRecord, TargetRecord } from '../diff/operations.js';
import type { RequestField } from '../model/routeTable.js';
import type { Automaton } from '../model/routing/regex/automaton.js';
import type { Request } from './question.js';

type Question = Exclude<StepRecord, { readonly op: 'target' | 'default' }>;

/** One step that was taken. */
export interface Taken {
  readonly index: number;
  readonly step: StepRecord;
  /** The current text after it; undefined: there is no such part. */
  readonly text: string | undefined;
  readonly yes: boolean;
}

export interface Walk {
  readonly taken: readonly Taken[];
  /** Where a route leads; else why none applies. `hole`: the maps lack what the walk comes to. */
  readonly end: TargetRecord | 'no_route' | 'undecidable' | 'hole';
}

/** What the connect hook does with the steps of a virtual host (bpf/lib/walk.h), in words of the records. */
export function walk(steps: ReadonlyMap<number, StepRecord>, automata: ReadonlyMap<number, Automaton>, request: Request): Walk {
  const taken: Taken[] = [];
  let text = '';
  for (let index = 0; ; ) {
    const step = steps.get(index);
    // Jumps go forward only; records that do not are none of the daemon's.
    if (!step || (taken.at(-1)?.index ?? -1) >= index) return { taken, end: 'hole' };
    if (step.op === 'target') return { taken, end: step };
    if (step.op === 'default') return { taken, end: step.why };
    const part = partOf(step, request);
    if (part) text = part.text ?? '';
    const yes = part ? part.text !== undefined : holds(step, Buffer.from(text), automata);
    if (yes === undefined) return { taken, end: 'hole' };
    taken.push({ index, step, text: part ? part.text : text, yes });
    index = yes ? step.then : step.otherwise;
  }
}

/** The text that a step chooses; undefined for steps that ask about the current one. */
function partOf(step: Question, request: Request): { readonly text: string | undefined } | undefined {
  switch (step.op) {
    case 'field':
      return { text: fieldOf(step.field, request) || undefined };
    case 'header':
      return { text: request.headers.get(step.name) };
    case 'param':
      return { text: parameterOf(step.name, request.path) };
    case 'empty':
      return { text: '' };
    default:
      return undefined;
  }
}

function fieldOf(field: RequestField, { method, path, host }: Request): string {
  switch (field) {
    case 'method':
      return method;
    case 'path':
      return path.split(/[?#]/, 1)[0]!;
    case 'full_path':
      return path;
    case 'authority':
      return host;
    case 'scheme':
      return 'http';
  }
}

/** As it stands there; the first of a name counts. */
function parameterOf(name: string, path: string): string | undefined {
  const [, query = ''] = /\?([^#]*)/.exec(path) ?? [];
  for (const pair of query.split('&')) {
    const [key, ...value] = pair.split('=');
    if (pair !== '' && key === name) return value.join('=');
  }
  return undefined;
}

/** undefined: the automaton is not in the maps. */
function holds(step: Question, text: Buffer, automata: ReadonlyMap<number, Automaton>): boolean | undefined {
  switch (step.op) {
    case 'compare': {
      const from = step.fromEnd ? text.length - step.offset : step.offset;
      return from >= 0 && fold(text.subarray(from, from + step.bytes.length), step.ignoreCase).equals(step.bytes);
    }
    case 'length':
      return step.is === 'at_least' ? text.length >= step.bytes : text.length === step.bytes;
    case 'contains':
      return fold(text, step.ignoreCase).includes(step.bytes);
    case 'range':
      return /^[+-]?\d+$/.test(text.toString()) && isBetween(BigInt(text.toString().replace('+', '')), step.start, step.end);
    case 'automaton': {
      const automaton = automata.get(step.automaton);
      return automaton && accepts(automaton, text);
    }
    default:
      return undefined;
  }
}

const isBetween = (number: bigint, start: bigint, end: bigint): boolean => start <= number && number < end;

const fold = (bytes: Buffer, ignoreCase: boolean): Buffer => (ignoreCase ? Buffer.from(bytes.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte))) : bytes);

function accepts({ start, accepting, width, classes, next }: Automaton, text: Buffer): boolean {
  let state = start;
  for (const byte of text) state = next[state * width + classes[byte]!]!;
  return state >= accepting;
}
