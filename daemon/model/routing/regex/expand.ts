// SPDX-License-Identifier: Apache-2.0
import { lowerCase } from '../texts.js';
import type { Expression } from './parse.js';

export type Piece =
  /** `cut`: the rows part here, and what stands before is the same in all of them. */
  | { readonly kind: 'text'; readonly text: string; readonly ignoreCase: boolean; readonly cut: boolean }
  /** Any single character. */
  | { readonly kind: 'one' }
  /** Any characters, so many at least. */
  | { readonly kind: 'gap'; readonly min: number }
  | { readonly kind: 'start' | 'end' };

/**
 * A row of pieces. Texts that an expression matches are those of one of its rows; where a row is not `exact`, it
 * has other texts too.
 */
export interface Row {
  readonly pieces: readonly Piece[];
  readonly exact: boolean;
}

/** Rows of one expression, pieces of one row, and how often a repetition is written out. */
const MOST_ROWS = 64;
const MOST_PIECES = 1024;
const MOST_COPIES = 4;

const ONE: Piece = { kind: 'one' };
const EMPTY: Row = { pieces: [], exact: true };

/** All rows of an expression: at least one. */
export function rowsOf(expression: Expression): readonly Row[] {
  switch (expression.kind) {
    case 'text':
      return textRows([expression.text], expression.ignoreCase);
    case 'one_of':
      return expression.chars ? either([textRows(expression.chars, expression.ignoreCase)]) : [{ pieces: [ONE], exact: false }];
    case 'any':
      return [{ pieces: [ONE], exact: true }];
    case 'start':
    case 'end':
      return [{ pieces: [{ kind: expression.kind }], exact: true }];
    case 'boundary':
      return [{ pieces: [], exact: false }];
    case 'sequence':
      return expression.parts.map(rowsOf).reduce(followedBy, [EMPTY]);
    case 'choice':
      return either(expression.options.map(rowsOf));
    case 'repeat':
      return repeatedRows(rowsOf(expression.of), expression.min, expression.max);
  }
}

/** RE2 ignores the case of all alphabets, steps that of ASCII. */
function textRows(chars: readonly string[], ignoreCase: boolean): Row[] {
  const spelt = ignoreCase ? [...new Set(chars.map(lowerCase))] : chars;
  return spelt.map((text) => (ignoreCase && text > '\u007f' ? { pieces: [ONE], exact: false } : { pieces: [{ kind: 'text', text, ignoreCase, cut: false }], exact: true }));
}

function followedBy(rows: readonly Row[], next: readonly Row[]): readonly Row[] {
  const few = rows.length * next.length <= MOST_ROWS ? next : [anyOf(next)];
  return rows.flatMap((a) => few.map((b) => joined(a, b)));
}

function joined(a: Row, b: Row): Row {
  const last = a.pieces.at(-1);
  if (a.pieces.length + b.pieces.length > MOST_PIECES) return { pieces: last?.kind === 'gap' ? a.pieces : [...a.pieces, { kind: 'gap', min: 0 }], exact: false };
  const exact = a.exact && b.exact;
  const [first, ...rest] = b.pieces;
  if (last?.kind !== 'gap' || first?.kind !== 'gap') return { pieces: [...a.pieces, ...b.pieces], exact };
  return { pieces: [...a.pieces.slice(0, -1), { kind: 'gap', min: last.min + first.min }, ...rest], exact };
}

function either(options: readonly (readonly Row[])[]): readonly Row[] {
  const rows = options.flat();
  if (rows.length === 1) return rows;
  return rows.length <= MOST_ROWS ? rows.map(cut) : [anyOf(rows)];
}

function cut({ pieces: [first, ...rest], exact }: Row): Row {
  return { pieces: first?.kind === 'text' ? [{ ...first, cut: true }, ...rest] : first ? [first, ...rest] : [], exact };
}

function repeatedRows(rows: readonly Row[], min: number, max: number): readonly Row[] {
  if (isAny(rows)) return anyTimes(min, max);
  if (max <= MOST_COPIES) return either(Array.from({ length: max - min + 1 }, (_, i) => copies(rows, min + i)));
  if (min === max && rows.length === 1) return copies(rows, min);
  // What follows the copies that have to be there is not told.
  const written = Math.min(min, rows.length === 1 ? MOST_COPIES : 1);
  return followedBy(copies(rows, written), [{ pieces: [{ kind: 'gap', min: (min - written) * shortest(rows) }], exact: max === Infinity && matchesAll(rows) }]);
}

const copies = (rows: readonly Row[], times: number): readonly Row[] => Array.from({ length: times }, () => rows).reduce(followedBy, [EMPTY]);

/** Of `.`, which has a form of its own for "any number". */
function anyTimes(min: number, max: number): readonly Row[] {
  if (max === Infinity) return [{ pieces: [{ kind: 'gap', min }], exact: true }];
  if (max - min >= MOST_COPIES) return [{ pieces: [{ kind: 'gap', min }], exact: false }];
  return Array.from({ length: max - min + 1 }, (_, i) => ({ pieces: Array.from({ length: min + i }, () => ONE), exact: true }));
}

const isAny = (rows: readonly Row[]): boolean => rows.length === 1 && rows[0]!.exact && rows[0]!.pieces.length === 1 && rows[0]!.pieces[0] === ONE;

/** Whether a row is `.*` or `.+`, so that its repetition is one of them too. */
const matchesAll = (rows: readonly Row[]): boolean => rows.some(({ pieces: [piece, ...more], exact }) => exact && more.length === 0 && piece?.kind === 'gap' && piece.min <= 1);

/** In place of rows that are too many. */
function anyOf(rows: readonly Row[]): Row {
  const length = shortest(rows);
  const fixed = rows.every(({ pieces }) => pieces.length === length && pieces.every(({ kind }) => kind === 'text' || kind === 'one'));
  return { pieces: fixed ? Array.from({ length }, () => ONE) : [{ kind: 'gap', min: length }], exact: false };
}

const shortest = (rows: readonly Row[]): number => Math.min(...rows.map(({ pieces }) => pieces.reduce((sum, piece) => sum + charactersOf(piece), 0)));

function charactersOf(piece: Piece): number {
  if (piece.kind === 'gap') return piece.min;
  return piece.kind === 'text' || piece.kind === 'one' ? 1 : 0;
}
