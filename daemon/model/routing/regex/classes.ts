// SPDX-License-Identifier: Apache-2.0
import { Unread } from './reader.js';
import type { Reader } from './reader.js';

/** The characters of a class; undefined: of more than are worth a step each. */
export type Chars = readonly string[] | undefined;

const MOST_CHARS = 16;

const LISTED: Readonly<Record<string, string>> = { d: '0123456789', s: '\t\n\f\r ', a: '\u0007', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
/** Of Perl, and Unicode's with one letter or a name in braces. */
const LARGE = /^(?:[DSwW]|[pP](?:\w|\{\^?\w+\}))/;
const POSIX = /^\[:\^?[a-z]+:\]/;
const HEXADECIMAL = /^x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/;
const LAST_CODE = 0x10ffff;

/** Reads a class whose opening bracket was taken. */
export function readClass(reader: Reader): Chars {
  const negated = reader.take('^');
  let chars: Chars = [];
  // A closing bracket that stands first is one of the characters.
  for (let first = true; first || reader.next !== ']'; first = false) chars = united(chars, readMember(reader));
  reader.take(']');
  return negated ? undefined : chars;
}

/** Reads what an escape stands for, in a class or outside; its backslash was taken. */
export function readEscape(reader: Reader): Chars {
  if (reader.match(LARGE)) return undefined;
  const hexadecimal = reader.match(HEXADECIMAL);
  if (hexadecimal) {
    const code = Number.parseInt(hexadecimal[1] ?? hexadecimal[2]!, 16);
    if (code > LAST_CODE) throw new Unread();
    return [String.fromCodePoint(code)];
  }
  const char = reader.char();
  const listed = LISTED[char];
  if (listed !== undefined) return [...listed];
  // Back references, octal numbers and single bytes are not read; all punctuation stands for itself.
  if (char > '\u007f' || /\w/.test(char.replace('_', ''))) throw new Unread();
  return [char];
}

function readMember(reader: Reader): Chars {
  if (reader.match(POSIX)) return undefined;
  const from = readOne(reader);
  // A hyphen that stands last is one of the characters.
  if (!reader.match(/^-(?!\])/)) return from;
  const to = readOne(reader);
  if (from?.length !== 1 || to?.length !== 1) throw new Unread();
  return range(from[0]!.codePointAt(0)!, to[0]!.codePointAt(0)!);
}

const readOne = (reader: Reader): Chars => (reader.take('\\') ? readEscape(reader) : [reader.char()]);

function range(from: number, to: number): Chars {
  if (to < from) throw new Unread();
  return to - from < MOST_CHARS ? Array.from({ length: to - from + 1 }, (_, i) => String.fromCodePoint(from + i)) : undefined;
}

function united(a: Chars, b: Chars): Chars {
  const both = a && b && [...new Set([...a, ...b])];
  return both && both.length <= MOST_CHARS ? both : undefined;
}
