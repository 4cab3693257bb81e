// SPDX-License-Identifier: Apache-2.0
// The scanner and the record, held to a second reading of the RFCs in TypeScript: verdict, the byte at which it falls, and
// every part of the record. Other heads with KMESH_HEADS_SEED and KMESH_HEADS_COUNT.
import t from 'tap';
import { buildProgram } from './build.js';
import { edgeTexts } from './edgeHeads.js';
import { httpCases, readHttpCases } from './judge.js';
import { Verdict } from './model/head.js';
import { compare } from './model/opinion.js';
import { randomHeads } from './randomHeads.js';

const program = buildProgram({ sources: ['judgeHeads.c', 'headCheck.c'] });

t.test('random heads', async (t) => {
  const seed = Number(process.env['KMESH_HEADS_SEED'] ?? 4);
  const count = Number(process.env['KMESH_HEADS_COUNT'] ?? 5000);
  const { different, verdicts } = compare(program, randomHeads(seed, count));
  t.same(different.slice(0, 3), [], `${different.length} of ${count} heads of seed ${seed}`);
  for (const verdict of [Verdict.MORE, Verdict.COMPLETE, Verdict.NOT_HTTP, Verdict.BAD]) {
    t.ok((verdicts.get(verdict) ?? 0) > count / 20, `enough heads have verdict ${verdict}`);
  }
});

t.test('heads at the edges', async (t) => {
  const { different, verdicts } = compare(program, edgeTexts());
  t.same(different, []);
  t.same([...verdicts.keys()].sort(), Object.values(Verdict), 'of every verdict');
});

t.test('every case of the corpus', httpCases, async (t) => {
  const { different } = compare(program, readHttpCases().map(({ raw }) => raw));
  t.same(different, []);
});
