// SPDX-License-Identifier: Apache-2.0
import { readClass, readEscape } from './classes.js';
import { Reader, Unread } from './reader.js';

/** A regular expression in the syntax of RE2, as far as it is read here. */
export type Expression =
  | { readonly kind: 'text'; readonly text: string; readonly ignoreCase: boolean }
  /** One character of these; undefined: of more than are worth naming. */
  | { readonly kind: 'one_of'; readonly chars: readonly string[] | undefined; readonly ignoreCase: boolean }
  | { readonly kind: 'any' }
  | { readonly kind: 'start' | 'end' }
  /** Matches no character, and only at some places. */
  | { readonly kind: 'boundary' }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly of: Expression; readonly min: number; readonly max: number };

/** Deeper and longer ones are nobody's routes. RE2 itself stops at 1000 levels. */
const MOST_LEVELS = 100;
const MOST_CHARACTERS = 2048;
/** Of `{n}` in RE2. */
const MOST_REPEATS = 1000;

/** Whether groups of flags are of no interest: without newlines in a text, `s` and `m` change nothing, and `U` never changes what matches as a whole. */
const FLAGS = /^\?([imsU]*)(?:-([imsU]+))?([:)])/;
const NAMED = /^\?P?<\w+>/;
const REPEATS = /^\{(\d{1,4})(,(\d{0,4}))?\}/;

/** @returns undefined for what is no expression, or has parts that are not read here. */
export function parse(text: string): Expression | undefined {
  if (text.length > MOST_CHARACTERS) return undefined;
  const reader = new Reader(text);
  try {
    const expression = choice(reader, { ignoreCase: false }, 0);
    return reader.done ? expression : undefined;
  } catch (error) {
    if (error instanceof Unread) return undefined;
    throw error;
  }
}

interface Flags {
  ignoreCase: boolean;
}

/** @param flags change with `(?i)` for the rest of the group that it stands in. */
function choice(reader: Reader, flags: Flags, level: number): Expression {
  if (level > MOST_LEVELS) throw new Unread();
  const options = [sequence(reader, flags, level)];
  while (reader.take('|')) options.push(sequence(reader, flags, level));
  return options.length === 1 ? options[0]! : { kind: 'choice', options };
}

function sequence(reader: Reader, flags: Flags, level: number): Expression {
  const parts: Expression[] = [];
  while (!reader.done && reader.next !== '|' && reader.next !== ')') parts.push(...repeated(reader, flags, level));
  return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts };
}

function repeated(reader: Reader, flags: Flags, level: number): Expression[] {
  const [quoted, ...rest] = quotation(reader, flags) ?? [atom(reader, flags, level)];
  if (!quoted) return [];
  // A repetition that follows a quotation takes its last character only.
  let last = rest.pop() ?? quoted;
  const before = last === quoted ? [] : [quoted, ...rest];
  for (let times = repetition(reader); times; times = repetition(reader)) last = { kind: 'repeat', of: last, ...times };
  return [...before, last];
}

function repetition(reader: Reader): { readonly min: number; readonly max: number } | undefined {
  const times = reader.take('*') ? { min: 0, max: Infinity } : reader.take('+') ? { min: 1, max: Infinity } : reader.take('?') ? { min: 0, max: 1 } : counted(reader);
  // Which match is tried first makes no difference to whether the whole text matches.
  if (times) reader.take('?');
  return times;
}

function counted(reader: Reader): { readonly min: number; readonly max: number } | undefined {
  const found = reader.match(REPEATS);
  if (!found) return undefined;
  const min = Number(found[1]);
  const max = found[2] === undefined ? min : found[3] === '' ? Infinity : Number(found[3]);
  if (min > MOST_REPEATS || (max !== Infinity && max > MOST_REPEATS) || max < min) throw new Unread();
  return { min, max };
}

/** `\Q...\E`: one text for each character. */
function quotation(reader: Reader, { ignoreCase }: Flags): Expression[] | undefined {
  if (!reader.take('\\Q')) return undefined;
  return [...reader.upTo('\\E')].map((text) => ({ kind: 'text', text, ignoreCase }));
}

function atom(reader: Reader, flags: Flags, level: number): Expression {
  const { ignoreCase } = flags;
  if (reader.take('(')) return group(reader, flags, level);
  if (reader.take('[')) return { kind: 'one_of', chars: readClass(reader), ignoreCase };
  if (reader.take('\\')) return escaped(reader, ignoreCase);
  const char = reader.char();
  if (char === '.') return { kind: 'any' };
  if (char === '^') return { kind: 'start' };
  if (char === '$') return { kind: 'end' };
  if ('*+?'.includes(char)) throw new Unread();
  return { kind: 'text', text: char, ignoreCase };
}

function group(reader: Reader, flags: Flags, level: number): Expression {
  const inner = { ...flags };
  const changed = reader.match(FLAGS);
  if (changed) {
    const target = changed[3] === ')' ? flags : inner;
    if (changed[1]!.includes('i')) target.ignoreCase = true;
    if (changed[2]?.includes('i')) target.ignoreCase = false;
    if (changed[3] === ')') return { kind: 'sequence', parts: [] };
  } else if (!reader.match(NAMED) && reader.next === '?') {
    throw new Unread();
  }
  const expression = choice(reader, inner, level + 1);
  if (!reader.take(')')) throw new Unread();
  return expression;
}

function escaped(reader: Reader, ignoreCase: boolean): Expression {
  if (reader.take('A')) return { kind: 'start' };
  if (reader.take('z')) return { kind: 'end' };
  if (reader.take('b') || reader.take('B')) return { kind: 'boundary' };
  const chars = readEscape(reader);
  return chars?.length === 1 ? { kind: 'text', text: chars[0]!, ignoreCase } : { kind: 'one_of', chars, ignoreCase };
}
