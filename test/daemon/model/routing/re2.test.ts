// SPDX-License-Identifier: Apache-2.0
// A million texts: what automata say of them is held to RE2 itself.
import t from 'tap';
import type { Test } from 'tap';
import { newBudget } from '../../../../daemon/model/routing/regex/budget.js';
import { compileRegex } from '../../../../daemon/model/routing/regex/compile.js';
import { re2 } from '../../../helpers/re2.js';
import { random } from '../../diff/models.js';
import { anyExpression, textsFor } from './expressions.js';
import { accepts } from './walk.js';

const TEXTS = 500_000;
const TEXTS_OF_ONE = 400;

/** Holds the answers about random texts to those of RE2, until there were enough. */
function compare(t: Test, seed: number, ascii: boolean): void {
  const below = random(seed);
  const counts = { expressions: 0, refused: 0, yes: 0, no: 0 };
  while (counts.yes + counts.no < TEXTS) {
    const regex = anyExpression(below, ascii);
    const { automaton } = compileRegex(regex, ascii, newBudget());
    const engine = automaton && re2(regex);
    counts[automaton ? 'expressions' : 'refused'] += 1;
    if (!automaton) continue;
    if (!engine) {
      t.fail('an automaton of what is no expression', { regex });
      continue;
    }
    const text = textsFor(automaton, ascii);
    for (let i = 0; i < TEXTS_OF_ONE; i += 1) {
      const asked = text(below);
      const answer = accepts(automaton, asked);
      if (answer !== engine.matches(asked)) t.fail('another answer', { regex, text: asked.toString('latin1'), answer });
      counts[answer ? 'yes' : 'no'] += 1;
    }
    engine.done();
  }
  t.comment(JSON.stringify(counts));
  t.ok(counts.yes > TEXTS / 5 && counts.no > TEXTS / 5, 'both answers are met often');
  t.ok(counts.refused < counts.expressions / 4, 'most expressions are read');
}

t.test('texts of ASCII, as paths are', (t) => {
  compare(t, 6, true);
  t.end();
});

t.test('texts of any bytes, as headers may be', (t) => {
  compare(t, 7, false);
  t.end();
});
