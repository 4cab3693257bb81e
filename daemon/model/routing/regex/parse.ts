// SPDX-License-Identifier: Apache-2.0
import { readClass, readEscape } from './classes.js';
import type { Chars } from './classes.js';
import { Reader, Unread } from './reader.js';
import type { Runes } from './runes.js';

/** A regular expression in the syntax of RE2, as far as it is read here. */
export type Expression =
  | { readonly kind: 'text'; readonly text: string; readonly ignoreCase: boolean }
  /** One character of `runes`, which has the other cases already; `chars` has not. */
  | { readonly kind: 'one_of'; readonly chars: Chars; readonly ignoreCase: boolean; readonly runes: Runes }
  /** `newline`: is one of them. */
  | { readonly kind: 'any'; readonly newline: boolean }
  /** Of the text, or of a line of it too. */
  | { readonly kind: 'start' | 'end'; readonly line: boolean }
  /** Where a word of ASCII begins or ends, or where none does. */
  | { readonly kind: 'boundary'; readonly inverted: boolean }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly of: Expression; readonly min: number; readonly max: number };

/** Deeper and longer ones are nobody's routes. RE2 itself stops at 1000 levels. */
const MOST_LEVELS = 100;
const MOST_CHARACTERS = 2048;
/** Of `{n}` in RE2. */
const MOST_REPEATS = 1000;

/** `U` never changes what matches as a whole. */
const FLAGS = /^\?([imsU]*)(?:-([imsU]+))?([:)])/;
const NAMED = /^\?P?<\w+>/;
const REPEATS = /^\{(\d{1,4})(,(\d{0,4}))?\}/;

/** `unread`: why it is not read: it is no expression, or has parts that are not read here. */
export type Parsed = { readonly expression: Expression } | { readonly expression: undefined; readonly unread: string };

export function parse(text: string): Parsed {
  if (text.length > MOST_CHARACTERS) return { expression: undefined, unread: `more than ${MOST_CHARACTERS} characters` };
  const reader = new Reader(text);
  try {
    const expression = choice(reader, { ignoreCase: false, newline: false, lines: false }, 0);
    return reader.done ? { expression } : { expression: undefined, unread: 'a bracket that nothing opens' };
  } catch (error) {
    if (error instanceof Unread) return { expression: undefined, unread: error.message };
    throw error;
  }
}

/** `(?i)`, `(?s)` and `(?m)`. */
interface Flags {
  ignoreCase: boolean;
  newline: boolean;
  lines: boolean;
}

/** @param flags change with `(?i)` for the rest of the group that it stands in. */
function choice(reader: Reader, flags: Flags, level: number): Expression {
  if (level > MOST_LEVELS) throw new Unread(`more than ${MOST_LEVELS} levels of groups`);
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
  const last = rest.pop() ?? quoted;
  const before = last === quoted ? [] : [quoted, ...rest];
  const times = repetition(reader);
  if (!times) return [...before, last];
  if (repetition(reader)) throw new Unread('a repetition of a repetition');
  return [...before, { kind: 'repeat', of: last, ...times }];
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
  if (min > MOST_REPEATS || (max !== Infinity && max > MOST_REPEATS) || max < min) throw new Unread(`${found[0]} is no repetition`);
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
  if (reader.take('[')) return { kind: 'one_of', ignoreCase, ...readClass(reader, ignoreCase) };
  if (reader.take('\\')) return escaped(reader, ignoreCase);
  if (reader.match(REPEATS)) throw new Unread('a repetition of nothing');
  const char = reader.char();
  if (char === '.') return { kind: 'any', newline: flags.newline };
  if (char === '^') return { kind: 'start', line: flags.lines };
  if (char === '$') return { kind: 'end', line: flags.lines };
  if ('*+?'.includes(char)) throw new Unread('a repetition of nothing');
  return { kind: 'text', text: char, ignoreCase };
}

function group(reader: Reader, flags: Flags, level: number): Expression {
  const inner = { ...flags };
  const changed = reader.match(FLAGS);
  if (changed) {
    const target = changed[3] === ')' ? flags : inner;
    for (const flag of changed[1]!) setFlag(target, flag, true);
    for (const flag of changed[2] ?? '') setFlag(target, flag, false);
    if (changed[3] === ')') return { kind: 'sequence', parts: [] };
  } else if (!reader.match(NAMED) && reader.next === '?') {
    throw new Unread('a group of a kind that RE2 does not know');
  }
  const expression = choice(reader, inner, level + 1);
  if (!reader.take(')')) throw new Unread('a bracket that nothing closes');
  return expression;
}

function setFlag(flags: Flags, flag: string, on: boolean): void {
  if (flag === 'i') flags.ignoreCase = on;
  if (flag === 's') flags.newline = on;
  if (flag === 'm') flags.lines = on;
}

function escaped(reader: Reader, ignoreCase: boolean): Expression {
  if (reader.take('A')) return { kind: 'start', line: false };
  if (reader.take('z')) return { kind: 'end', line: false };
  const boundary = reader.match(/^[bB]/)?.[0];
  if (boundary !== undefined) return { kind: 'boundary', inverted: boundary === 'B' };
  const { chars, runes } = readEscape(reader, ignoreCase);
  return chars?.length === 1 ? { kind: 'text', text: chars[0]!, ignoreCase } : { kind: 'one_of', chars, ignoreCase, runes };
}
