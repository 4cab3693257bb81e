// SPDX-License-Identifier: Apache-2.0
import { bytesOf, compares, hasLength } from '../texts.js';
import type { Alternative, Check } from '../texts.js';
import { STEP_BYTES } from '../../routeTable.js';
import { rowsOf } from './expand.js';
import type { Row } from './expand.js';
import { parse } from './parse.js';
import { segmentsOf } from './segments.js';
import type { Segment, Segments } from './segments.js';

/**
 * The ways in which a text matches an expression as a whole, those that are exact first. `.` stands for any character
 * there: a head holds no newline.
 *
 * @param ascii whether the text has no other bytes, so that a character is a byte.
 * @returns undefined for an expression that is not read at all.
 */
export function reduce(regex: string, ascii: boolean): readonly Alternative[] | undefined {
  const { expression } = parse(regex);
  if (!expression) return undefined;
  const alternatives = rowsOf(expression).flatMap((row) => alternativeOf(row, ascii) ?? []);
  const all = alternatives.find(({ checks, exact }) => exact && checks.length === 0);
  if (all) return [all];
  return [...alternatives.filter(({ exact }) => exact), ...alternatives.filter(({ exact }) => !exact)];
}

/** undefined: no text matches. */
function alternativeOf(row: Row, ascii: boolean): Alternative | undefined {
  const segments = segmentsOf(row, ascii);
  if (!segments) return undefined;
  const { head, middles, tail, least } = segments;
  if (!tail) return { checks: [...placed(head, false), hasLength('exactly', head.length)], exact: segments.exact };
  const told = [head, ...middles, tail].filter(({ length }) => length > 0);
  const [only] = told;
  const implied = told.length === 0 ? least === 0 : told.length === 1 && least === only!.length && only!.parts.length > 0;
  return {
    checks: [...placed(head, false), ...placed(tail, true), ...(implied ? [] : [hasLength('at_least', least)]), ...middles.flatMap(lookedFor)],
    exact: segments.exact && middles.length <= 1 && middles.every((middle) => isFound(middle, segments)),
  };
}

function placed({ parts, length }: Segment, fromEnd: boolean): Check[] {
  return parts.flatMap(({ spelling, offset }) => compares(spelling, fromEnd ? length - offset : offset, fromEnd));
}

/** The longest part of a segment, as far as a step can look for it. */
function lookedFor({ parts }: Segment): Check[] {
  const [longest] = [...parts].sort((a, b) => b.spelling.text.length - a.spelling.text.length);
  return longest ? [{ op: 'contains', bytes: bytesOf(longest.spelling).subarray(0, STEP_BYTES), ignoreCase: longest.spelling.ignoreCase }] : [];
}

/**
 * Whether a segment between two gaps is found by looking through the whole text: only if it cannot be met where the
 * head or the tail stands, as `/b/` can in the `/a/` of `/a/.*` + `/b/.*`.
 */
function isFound(middle: Segment, { head, tail, gaps }: Segments): boolean {
  const bytes = patternOf(middle);
  if (bytes.includes(undefined) || middle.parts.length > 1 || bytes.length > STEP_BYTES || gaps.some((min) => min > 0)) return false;
  const [before, behind] = [patternOf(head), patternOf(tail!)];
  return !before.some((_, i) => meet(bytes, before, i)) && !behind.some((_, i) => meet(bytes, behind, i + 1 - bytes.length));
}

/** A byte each, letters in lower case; undefined: any byte. */
type Pattern = readonly (number | undefined)[];

function patternOf({ parts, length }: Segment): Pattern {
  const pattern: (number | undefined)[] = Array.from({ length }, () => undefined);
  for (const { spelling, offset } of parts) {
    for (const [i, byte] of bytesOf({ text: spelling.text, ignoreCase: true }).entries()) pattern[offset + i] = byte;
  }
  return pattern;
}

/** Whether a pattern may stand at an offset from the beginning of another: no byte of both speaks against it. */
function meet(pattern: Pattern, other: Pattern, at: number): boolean {
  return pattern.every((a, i) => {
    const b = other[at + i];
    return a === undefined || b === undefined || a === b;
  });
}
