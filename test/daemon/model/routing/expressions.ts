// SPDX-License-Identifier: Apache-2.0
// Random expressions in the syntax of RE2, and texts that come near to matching them.
import type { Automaton } from '../../../../daemon/model/routing/regex/automaton.js';

export type Below = (n: number) => number;

const pick = <T>(below: Below, items: readonly T[]): T => items[below(items.length)]!;

const ATOMS = [
  ...['a', 'b', 'k', 's', '/', '-', '\\.', '\\/', '.', 'ab', '/a', '\\x2f', '\\x{61}', '\\Qa.b\\E', '\\_', '\\t', '\\n', '1', '_'],
  ...['[ab]', '[^/]', '[a-c/]', '[^a-z]', '[\\w-]', '[-a]', '[]a]', '[^]a]', '[\\d_-]', '[[:alpha:]]', '[[:^digit:]/]', '[[:punct:]]', '[a\\-z]', '[^\\W\\d]', '[^\\s]', '[\\x00-\\x{10ffff}]'],
  ...['\\d', '\\D', '\\w', '\\W', '\\s', '\\S', '.*', '.+', '.?', '[^/]+', '\\d+', '\\w+'],
  ...['^', '$', '\\A', '\\z', '\\b', '\\B'],
];
/** Characters of several bytes. */
const WIDE = ['\u00e4', '\u20ac', '\u{1f600}', '\u212a', '\u017f', '[\u00e4-\u20ac]', '[^\u00e4]', '[\\x{80}-\\x{7ff}]', '[\\x{800}-\\x{ffff}]', '[\\x{100}-\\x{1f600}]', '[a\u20ac]', '[^\\x{e9}-\\x{10000}]'];
const UNICODE = ['\\pL', '\\PL', '\\p{Lu}', '\\p{^Lu}', '\\p{Greek}', '\\p{Latin}', '[^\\pN]', '[\\p{P}a]', '\\p{Any}'];
const REPEATS = ['*', '+', '?', '*?', '+?', '??', '{2}', '{1,3}', '{0,2}', '{2,}', '{0}', '{1,2}?'];
const FLAGS = ['s', 'm', 'U', 'sU', '-s', 's-m', 'ms'];
/** What is no expression, in many places. */
const BROKEN = ['(', ')', '[', '**', '+', '\\', '(?=a)', '{2}{3}', '[z-a]', '\\1', '(?P<a', '[[:x:]]', '[a-\\d]', '\\8', '(?z)'];

/**
 * Case counts or does not in the whole of an expression: where RE2 makes one class of `a|(?i)a`, it forgets about the A (AddFoldedRange of
 * re2/parse.cc).
 *
 * @param ascii whether texts are to be of ASCII alone: then classes of Unicode and all letters in any case are among it.
 */
export const anyExpression = (below: Below, ascii: boolean): string => `${below(4) === 0 ? '(?i)' : ''}${expression(below, 6, ascii)}`;

function expression(below: Below, depth: number, ascii: boolean): string {
  const inner = (): string => expression(below, depth - 1, ascii);
  const kind = depth === 0 ? 0 : below(16);
  if (kind <= 3) {
    const special = below(12);
    if (special === 0) return pick(below, WIDE);
    if (special === 1 && ascii) return pick(below, UNICODE);
    return below(400) === 0 ? pick(below, BROKEN) : pick(below, ATOMS);
  }
  if (kind <= 8) return `${inner()}${inner()}`;
  if (kind === 9) return `(${inner()}|${inner()})`;
  if (kind === 10) return `${inner()}|${inner()}`;
  if (kind === 11) return below(2) === 0 ? `(?${pick(below, FLAGS)}:${inner()})` : `(?${pick(below, FLAGS)})${inner()}`;
  if (kind === 12) return `(?P<n${below(1000)}>${inner()})`;
  return `(?:${inner()})${pick(below, REPEATS)}`;
}

const BYTES = Buffer.from('ab/k1-._ZS K\n\t~');
const MANY = ['\u00e4', '\u20ac', '\u{1f600}', '\u212a', '\u017f', '\u07ff', '\uffff'].map((char) => Buffer.from(char));

/** Longer than UTF-8 has them, or beyond its last: RE2 takes them for characters of a class that holds all of them, and counts its classes together first. */
const OVERLONG = /\xe0[\x80-\x9f]|\xf0[\x80-\x8f]|\xf4[\x90-\xbf]/;

/** Makes texts: any, or such as an automaton leads to, with a few bytes of them changed. */
export function textsFor({ start, accepting, states, width, classes, next }: Automaton, ascii: boolean): (below: Below) => Buffer {
  const bytesOf = Array.from({ length: width }, (): number[] => []);
  for (let byte = 0; byte < (ascii ? 128 : 256); byte += 1) bytesOf[classes[byte]!]!.push(byte);
  const likedOf = bytesOf.map((bytes) => bytes.filter((byte) => BYTES.includes(byte)));
  /** Classes after which there may be a match. */
  const onward = Array.from({ length: states }, (_, state) => bytesOf.flatMap((bytes, c) => (bytes.length > 0 && next[state * width + c] !== 0 ? [c] : [])));

  const led = (below: Below): number[] => {
    const bytes: number[] = [];
    for (let state = start; bytes.length < 40 && onward[state]!.length > 0; ) {
      if (state >= accepting && below(4) === 0) break;
      const c = pick(below, onward[state]!);
      const liked = likedOf[c]!;
      bytes.push(pick(below, liked.length > 0 && below(4) > 0 ? liked : bytesOf[c]!));
      state = next[state * width + c]!;
    }
    return bytes;
  };

  const text = (below: Below): Buffer => {
    const bytes = below(4) === 0 ? [] : led(below);
    for (let changes = bytes.length === 0 ? below(9) : below(4); changes > 0; changes -= 1) {
      const char = ascii || below(3) > 0 ? [BYTES[below(BYTES.length)]!] : below(4) === 0 ? [0x80 + below(128)] : pick(below, MANY);
      bytes.splice(below(bytes.length + 1), below(2), ...char);
    }
    const made = Buffer.from(bytes);
    return OVERLONG.test(made.toString('latin1')) ? text(below) : made;
  };
  return text;
}
