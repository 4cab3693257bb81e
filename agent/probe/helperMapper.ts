// SPDX-License-Identifier: Apache-2.0
import { quote } from './probeError.js';

/** One entry of the mapper macro; without an id in the old style. */
export interface HelperEntry {
  readonly name: string;
  readonly id: number | undefined;
}

/** The mapper's body is not a list of entries. */
export class MapperSyntaxError extends Error {}

/** Ten times what Linux has in 2026. */
const MAX_HELPERS = 2048;

/**
 * Reads the body of the mapper macro: calls of its parameter, with or without commas between them.
 * Comments and line continuations are gone already.
 * @throws MapperSyntaxError
 */
export function parseMapper(body: string, parameter: string): HelperEntry[] {
  const tokens = tokenize(body);
  const entries: HelperEntry[] = [];
  let at = 0;
  while (at < tokens.length) {
    if (tokens[at] === ',') {
      at += 1;
      continue;
    }
    if (tokens[at] !== parameter || tokens[at + 1] !== '(') {
      throw new MapperSyntaxError(`expected ${parameter}(name), found ${quote(tokens[at] ?? '')} after ${entries.at(-1)?.name ?? 'its begin'}`);
    }
    const close = tokens.indexOf(')', at);
    if (close === -1) throw new MapperSyntaxError(`an entry after ${entries.at(-1)?.name ?? 'its begin'} is not closed`);
    entries.push(parseEntry(tokens.slice(at + 2, close)));
    if (entries.length > MAX_HELPERS) throw new MapperSyntaxError(`more than ${MAX_HELPERS} entries`);
    at = close + 1;
  }
  return entries;
}

/** Words, numbers, `##` and single other characters; white space separates. */
function tokenize(body: string): string[] {
  return body.match(/\w+|##|\S/g) ?? [];
}

/** `name` or `name , id` or `name , id , ## ctx`. */
function parseEntry(tokens: readonly string[]): HelperEntry {
  const [name = '', comma, id, secondComma, paste, context] = tokens;
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new MapperSyntaxError(`${quote(tokens.join(' '))} is no helper name`);
  if (tokens.length === 1) return { name, id: undefined };
  const contextIsFine = tokens.length === 3 || (tokens.length === 6 && secondComma === ',' && paste === '##' && /^\w+$/.test(context ?? ''));
  if (comma !== ',' || !contextIsFine) throw new MapperSyntaxError(`cannot read the entry ${quote(tokens.join(' '))}`);
  return { name, id: parseInteger(id ?? '', name) };
}

/** A C integer constant (C11 6.4.4.1) that fits into the 32 bits of a call instruction's imm field. */
function parseInteger(text: string, name: string): number {
  const match = /^(?:0[xX]([0-9a-fA-F]{1,8})|0([0-7]{1,10})|([1-9]\d{0,9}|0))[uU]?[lL]{0,2}$/.exec(text);
  const [, hex, octal, decimal] = match ?? [];
  const value = hex !== undefined ? Number.parseInt(hex, 16) : octal !== undefined ? Number.parseInt(octal, 8) : Number(decimal);
  if (!Number.isInteger(value) || value > 0x7fffffff) throw new MapperSyntaxError(`the id ${quote(text)} of ${name} is no number`);
  return value;
}
