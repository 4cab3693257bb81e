// SPDX-License-Identifier: Apache-2.0
// Heads at the edges: the verdict, and the byte at which it falls. That every piece of a text leads to the same
// verdict, and that nothing behind a piece is read, is what test/kernel/headCheck.c makes sure of.
import t from 'tap';
import { buildProgram } from './build.js';
import { EDGE_HEADS, edgeTexts } from './edgeHeads.js';
import { judgeAll } from './judge.js';
import { Verdict } from './model/head.js';

const texts = edgeTexts();
const opinions = judgeAll(buildProgram({ sources: ['judgeHeads.c', 'headCheck.c'] }), texts);
const nameOf = (verdict: number): string | undefined => Object.entries(Verdict).find(([, number]) => number === verdict)?.[0];

for (const [i, { name, verdict, decidedBy }] of EDGE_HEADS.entries()) {
  const opinion = opinions[i]!;
  t.same([nameOf(opinion.verdict), opinion.decidedAt], [nameOf(verdict), decidedBy.length], name);
}
