// SPDX-License-Identifier: Apache-2.0
import { Unread } from './reader.js';
import type { Reader } from './reader.js';
import { folded, LAST_ASCII, LAST_RUNE, negated, runesOf, runesOfText, united } from './runes.js';
import type { Runes } from './runes.js';

/** The characters of a class as they are written; undefined: of more than are worth a step each. */
export type Chars = readonly string[] | undefined;

export interface CharClass {
  readonly chars: Chars;
  /** All that it stands for, in any case where that is asked for. */
  readonly runes: Runes;
}

const MOST_CHARS = 16;

const CONTROLS: Readonly<Record<string, string>> = { a: '\u0007', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
/** Of the classes of Perl those that are short. */
const LISTED: Readonly<Record<string, string>> = { d: '0123456789', s: '\t\n\f\r ' };
const HEXADECIMAL = /^x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/;

const DIGITS = '09';
const LETTERS = 'AZaz';
const PERL: Readonly<Record<string, string>> = { d: DIGITS, s: '\t\n\f\r  ', w: `${DIGITS}AZ__az` };
/** Pairs of a first and a last character (re2/perl_groups.cc). */
const POSIX: Readonly<Record<string, string>> = {
  alnum: `${DIGITS}${LETTERS}`,
  alpha: LETTERS,
  ascii: '\0\x7f',
  blank: '\t\t  ',
  cntrl: '\0\x1f\x7f\x7f',
  digit: DIGITS,
  graph: '!~',
  lower: 'az',
  print: ' ~',
  punct: '!/:@[`{~',
  space: '\t\r  ',
  upper: 'AZ',
  word: `${DIGITS}AZ__az`,
  xdigit: `${DIGITS}AFaf`,
};
/** General categories that RE2 knows (re2/unicode_groups.cc); scripts have longer names. */
const CATEGORIES = new Set('C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs'.split(' '));

/** Reads a class whose opening bracket was taken. */
export function readClass(reader: Reader, ignoreCase: boolean): CharClass {
  const negative = reader.take('^');
  const members: CharClass[] = [];
  // A closing bracket that stands first is one of the characters.
  while (members.length === 0 || reader.next !== ']') members.push(readMember(reader, ignoreCase));
  reader.take(']');
  const runes = united(members.map((member) => member.runes));
  return negative ? { chars: undefined, runes: negated(runes) } : { chars: members.map(({ chars }) => chars).reduce(bothOf, []), runes };
}

/** Reads what an escape stands for, in a class or outside; its backslash was taken. */
export function readEscape(reader: Reader, ignoreCase: boolean): CharClass {
  return readLarge(reader, ignoreCase) ?? single(readEscaped(reader), ignoreCase);
}

export const single = (char: string, ignoreCase: boolean): CharClass => ({ chars: [char], runes: inCases(runesOfText(char), ignoreCase) });

const inCases = (runes: Runes, ignoreCase: boolean): Runes => (ignoreCase ? folded(runes) : runes);

/** Classes of Perl, and of Unicode with one letter or a name in braces. */
function readLarge(reader: Reader, ignoreCase: boolean): CharClass | undefined {
  const perl = reader.match(/^[dDsSwW]/)?.[0];
  if (perl !== undefined) {
    const name = perl.toLowerCase();
    return named(runesOf(pairs(PERL[name]!)), perl !== name, ignoreCase, perl === name ? LISTED[name] : undefined);
  }
  const unicode = reader.match(/^([pP])(?:([A-Z])|\{(\^?)(\w+)\})/);
  return unicode ? named(unicodeClass((unicode[2] ?? unicode[4])!), (unicode[1] === 'P') !== (unicode[3] === '^'), ignoreCase) : undefined;
}

/** RE2 takes the other cases in before it negates. */
function named(runes: Runes, negative: boolean, ignoreCase: boolean, listed?: string): CharClass {
  const all = inCases(runes, ignoreCase);
  return { chars: listed === undefined ? undefined : [...listed], runes: negative ? negated(all) : all };
}

function pairs(text: string): [number, number][] {
  return Array.from({ length: text.length / 2 }, (_, i) => [text.charCodeAt(2 * i), text.charCodeAt(2 * i + 1)]);
}

/** RE2 and Node have tables of different versions of Unicode, which are the same in ASCII. */
function unicodeClass(name: string): Runes {
  if (name === 'Any') return runesOf([[0, LAST_RUNE]]);
  const property = CATEGORIES.has(name) ? name : `Script=${name}`;
  let test: RegExp;
  try {
    test = new RegExp(`\\p{${property}}`, 'u');
  } catch {
    throw new Unread(`\\p{${name}} is no class of Unicode`);
  }
  const codes = Array.from({ length: LAST_ASCII + 1 }, (_, code) => code).filter((code) => test.test(String.fromCharCode(code)));
  return runesOf(codes.map((code) => [code, code]), false);
}

function readEscaped(reader: Reader): string {
  const hexadecimal = reader.match(HEXADECIMAL);
  if (hexadecimal) {
    const code = Number.parseInt(hexadecimal[1] ?? hexadecimal[2]!, 16);
    if (code > LAST_RUNE) throw new Unread('a code point beyond the last one');
    return String.fromCodePoint(code);
  }
  const char = reader.char();
  const control = CONTROLS[char];
  if (control !== undefined) return control;
  // Back references, octal numbers and single bytes are not read; all punctuation stands for itself.
  if (char > '\u007f' || /\w/.test(char.replace('_', ''))) throw new Unread(`the escape \\${char} is not read`);
  return char;
}

function readMember(reader: Reader, ignoreCase: boolean): CharClass {
  const posix = reader.match(/^\[:(\^?)(\w+):\]/);
  if (posix) {
    const listed = POSIX[posix[2]!];
    if (listed === undefined) throw new Unread(`${posix[0]} is no class`);
    return named(runesOf(pairs(listed)), posix[1] === '^', ignoreCase);
  }
  const large = reader.take('\\') ? (readLarge(reader, ignoreCase) ?? readEscaped(reader)) : reader.char();
  if (typeof large !== 'string') return large;
  // A hyphen that stands last is one of the characters.
  return reader.match(/^-(?!\])/) ? range(large, reader.take('\\') ? readEscaped(reader) : reader.char(), ignoreCase) : single(large, ignoreCase);
}

function range(firstChar: string, lastChar: string, ignoreCase: boolean): CharClass {
  const [first, last] = [firstChar.codePointAt(0)!, lastChar.codePointAt(0)!];
  if (last < first) throw new Unread('a range of characters that ends before it begins');
  const chars = last - first < MOST_CHARS ? Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i)) : undefined;
  return { chars, runes: inCases(runesOf([[first, last]]), ignoreCase) };
}

function bothOf(a: Chars, b: Chars): Chars {
  const both = a && b && [...new Set([...a, ...b])];
  return both && both.length <= MOST_CHARS ? both : undefined;
}
