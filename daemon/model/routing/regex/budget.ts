// SPDX-License-Identifier: Apache-2.0

/**
 * What the automata of one push may cost together: instructions that are looked at, some two seconds of a processor. 4,096 expressions as people write
 * them, which fill the map (--max-automata), take half of it.
 */
const MOST_WORK = 50_000_000;
/** What one costs at least: it is read, and its instructions are made. */
export const LEAST_WORK = 5000;

/** What is left of it. Expressions that were met before cost nothing. */
export interface Budget {
  left: number;
  /** Expressions that came when nothing was left. */
  refused: number;
}

export const newBudget = (): Budget => ({ left: MOST_WORK, refused: 0 });

export function spend(budget: Budget, work: number): void {
  budget.left -= work;
}
