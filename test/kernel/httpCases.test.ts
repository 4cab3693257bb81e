// SPDX-License-Identifier: Apache-2.0
// The corpus of llhttp, picohttpparser, httparse and own cases. Where its sources leave a choice, docs/http1.md has ours.
import t from 'tap';
import { buildProgram } from './build.js';
import { httpCases, judgeAll, readHttpCases, type HttpCase, type Opinion } from './judge.js';
import { Verdict } from './model/head.js';

const REFUSED: readonly number[] = [Verdict.NOT_HTTP, Verdict.BAD];

/** Not complete in the corpus, refused here and by the project it comes from: no byte that follows can make it valid. */
const REFUSED_EARLY = ['llhttp-content-length-03', 'httparse-25'];

function allowed({ id, expect }: HttpCase): readonly number[] {
  if (id === 'own-h2-preface') return [Verdict.HTTP2];
  if (REFUSED_EARLY.includes(id)) return REFUSED;
  switch (expect.verdict) {
    case 'accept':
    case 'accept_head':
      return [Verdict.COMPLETE];
    case 'incomplete':
      return [Verdict.MORE];
    // Bare LF, or a length besides a coding: refused.
    case 'either':
    case 'reject':
      return REFUSED;
  }
}

/** Were the parts read that the corpus has? */
function asExpected({ expect }: HttpCase, { minor, method, target, host, lines, headLen }: Opinion): boolean {
  return (
    method === expect.method && target === expect.target && `HTTP/1.${minor}` === expect.version && host === expect.host &&
    headLen === expect.head_len && JSON.stringify(lines) === JSON.stringify(expect.headers)
  );
}

t.test('every case of the corpus', httpCases, async (t) => {
  const cases = readHttpCases();
  const opinions = judgeAll(buildProgram({ sources: ['judgeHeads.c', 'headCheck.c'] }), cases.map(({ raw }) => raw));
  for (const [i, one] of cases.entries()) {
    const opinion = opinions[i]!;
    t.ok(allowed(one).includes(opinion.verdict), `${one.id}: verdict`, { opinion, expect: one.expect });
    if (opinion.verdict !== Verdict.COMPLETE) continue;
    t.ok(asExpected(one, opinion), `${one.id}: parts`, { opinion, expect: one.expect });
    if (one.expect.verdict === 'accept_head') t.equal(opinion.request?.host[0], '', `${one.id}: without Host it matches no host`);
  }
});
