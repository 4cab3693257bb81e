// SPDX-License-Identifier: Apache-2.0
import type { Alternative, Part } from './texts.js';

/** What a route asks of a request. Those that every request fulfils are left out. */
export type Condition =
  | TextCondition
  | { readonly kind: 'present'; readonly part: Part; readonly wanted: boolean }
  /** Nobody can tell. */
  | { readonly kind: 'unknown' }
  /** No request fulfils it. */
  | { readonly kind: 'never' };

export interface TextCondition {
  readonly kind: 'text';
  readonly part: Part;
  /** What a request without this part does; with `empty` its text is empty. */
  readonly missing: 'fails' | 'empty';
  readonly any: readonly Alternative[];
  /** A text that matches fails, and the other way round. A missing part fails all the same. */
  readonly invert: boolean;
}

export const UNKNOWN: Condition = { kind: 'unknown' };
export const NEVER: Condition = { kind: 'never' };

/** Whether there may be requests for which nobody can tell: also where the maps have no room for an automaton. */
export const isUncertain = (condition: Condition): boolean => condition.kind === 'unknown' || (condition.kind === 'text' && condition.any.some(({ checks, exact }) => !exact || checks.some(({ op }) => op === 'automaton')));
