// SPDX-License-Identifier: Apache-2.0
import type { Automaton } from './automaton.js';
import { LEAST_WORK, spend } from './budget.js';
import type { Budget } from './budget.js';
import { determinize } from './determinize.js';
import { instructionsOf, Refused } from './instructions.js';
import { minimize } from './minimize.js';
import { parse } from './parse.js';

/** `refused`: why there is none, in words that follow the expression. */
export type Compiled = { readonly automaton: Automaton } | { readonly automaton: undefined; readonly refused: string };

/** Not remembered: the next time that its resource is read there is more room, since those before it are. */
const SPENT: Compiled = { automaton: undefined, refused: 'the expressions of this push take too long together and are compiled in turns' };

/** Expressions stand in many routes, and in each push again. */
const MOST_REMEMBERED = 4096;
const remembered = new Map<string, Compiled>();

/**
 * The automaton of the texts that RE2 matches as a whole by an expression, as RE2::FullMatch with the options of Envoy.
 *
 * @param ascii whether texts have no other bytes.
 * @param budget what all of a push may cost.
 */
export function compileRegex(regex: string, ascii: boolean, budget: Budget): Compiled {
  const key = `${ascii ? 'a' : 'u'}${regex}`;
  const known = remembered.get(key);
  if (known) return known;
  if (budget.left <= 0) {
    budget.refused += 1;
    return SPENT;
  }
  spend(budget, LEAST_WORK);
  const compiled = compile(regex, ascii, budget);
  const [oldest] = remembered.keys();
  if (remembered.size >= MOST_REMEMBERED) remembered.delete(oldest!);
  remembered.set(key, compiled);
  return compiled;
}

function compile(regex: string, ascii: boolean, budget: Budget): Compiled {
  const parsed = parse(regex);
  if (!parsed.expression) return { automaton: undefined, refused: parsed.unread };
  try {
    return { automaton: minimize(determinize(instructionsOf(parsed.expression, ascii), budget)) };
  } catch (error) {
    if (error instanceof Refused) return { automaton: undefined, refused: error.message };
    throw error;
  }
}
