// SPDX-License-Identifier: Apache-2.0
import { STEP_BYTES } from '../routeTable.js';
import type { RouteStep } from '../routeTable.js';
import { sameAutomaton } from './regex/automaton.js';

type WithoutJumps<S> = S extends unknown ? Omit<S, 'then' | 'otherwise' | 'unsure'> : never;

/** A part of the request: what a step makes the current text. */
export type Part = WithoutJumps<Extract<RouteStep, { op: 'field' | 'header' | 'param' }>>;

/** A question about the current text. */
export type Check = WithoutJumps<Extract<RouteStep, { op: 'compare' | 'length' | 'contains' | 'range' | 'automaton' }>>;

/**
 * One way in which a text matches: all checks hold. Where they are not `exact`, they have to hold, but that they do
 * does not tell that the text matches.
 */
export interface Alternative {
  readonly checks: readonly Check[];
  readonly exact: boolean;
}

export const ANYTHING: Alternative = { checks: [], exact: true };

export interface Spelling {
  readonly text: string;
  /** ASCII letters only, as in Envoy (absl::EqualsIgnoreCase and its like). */
  readonly ignoreCase: boolean;
}

export const exact = (...checks: readonly Check[]): Alternative => ({ checks, exact: true });

export const equals = (spelling: Spelling): Alternative => exact(hasLength('exactly', bytesOf(spelling).length), ...compares(spelling, 0, false));
export const startsWith = (spelling: Spelling): Alternative => exact(...compares(spelling, 0, false));
export const endsWith = (spelling: Spelling): Alternative => exact(...compares(spelling, bytesOf(spelling).length, true));

/** A text of more bytes than a step takes can only be looked for by its beginning. */
export function holds(spelling: Spelling): Alternative {
  const bytes = bytesOf(spelling);
  if (bytes.length === 0) return ANYTHING;
  return { checks: [{ op: 'contains', bytes: bytes.subarray(0, STEP_BYTES), ignoreCase: spelling.ignoreCase }], exact: bytes.length <= STEP_BYTES };
}

export const hasLength = (is: 'exactly' | 'at_least', bytes: number): Check => ({ op: 'length', is, bytes });

/** Bytes at a place, in pieces that a step takes. */
export function compares(spelling: Spelling, offset: number, fromEnd: boolean): Check[] {
  const bytes = bytesOf(spelling);
  const checks: Check[] = [];
  for (let at = 0; at < bytes.length; at += STEP_BYTES) {
    checks.push({ op: 'compare', bytes: bytes.subarray(at, at + STEP_BYTES), offset: fromEnd ? offset - at : offset + at, fromEnd, ignoreCase: spelling.ignoreCase });
  }
  return checks;
}

/** Nearly every route of a mesh asks for it: one for all. */
export const SLASH = Buffer.from('/');

export const bytesOf = ({ text, ignoreCase }: Spelling): Buffer => (text === '/' ? SLASH : Buffer.from(ignoreCase ? lowerCase(text) : text));

/** ASCII letters only: those of other alphabets are bytes like any other. */
export const lowerCase = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

export function sameCheck(a: Check, b: Check | RouteStep): boolean {
  switch (a.op) {
    case 'compare':
      return b.op === 'compare' && a.offset === b.offset && a.fromEnd === b.fromEnd && a.ignoreCase === b.ignoreCase && a.bytes.equals(b.bytes);
    case 'length':
      return b.op === 'length' && a.is === b.is && a.bytes === b.bytes;
    case 'contains':
      return b.op === 'contains' && a.ignoreCase === b.ignoreCase && a.bytes.equals(b.bytes);
    case 'range':
      return b.op === 'range' && a.start === b.start && a.end === b.end;
    case 'automaton':
      return b.op === 'automaton' && sameAutomaton(a.automaton, b.automaton);
  }
}
