// SPDX-License-Identifier: Apache-2.0
import { judgeAll, type Opinion } from '../judge.js';
import { judge, Verdict } from './head.js';
import { requestOf } from './request.js';

export interface Comparison {
  /** How many texts have each verdict. */
  readonly verdicts: ReadonlyMap<number, number>;
  /** Texts of which program and model say different things. */
  readonly different: readonly { readonly text: string; readonly opinion: Opinion; readonly expected: Opinion }[];
}

/** @throws when the program finds that a property does not hold. */
export function compare(program: string, texts: readonly Buffer[]): Comparison {
  const verdicts = new Map<number, number>();
  const different: Comparison['different'][number][] = [];
  for (const [i, opinion] of judgeAll(program, texts).entries()) {
    verdicts.set(opinion.verdict, (verdicts.get(opinion.verdict) ?? 0) + 1);
    const expected = modelOpinion(texts[i]!);
    if (JSON.stringify(opinion) !== JSON.stringify(expected)) different.push({ text: texts[i]!.toString('latin1'), opinion, expected });
  }
  return { verdicts, different };
}

/** What test/kernel/judgeHeads.c has to say of a text. */
function modelOpinion(bytes: Buffer): Opinion {
  const text = bytes.toString('latin1');
  const judgement = judge(text);
  if (judgement.verdict === Verdict.MORE) return { verdict: Verdict.MORE, decidedAt: 0 };
  const decidedAt = firstDecided(text);
  if (judgement.verdict !== Verdict.COMPLETE) return { verdict: judgement.verdict, decidedAt };
  const { head } = judgement;
  const { headLen, minor, method, target, lines } = head;
  const host = lines.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? null;
  return { verdict: Verdict.COMPLETE, decidedAt, headLen, minor, method, target, host, lines, request: requestOf(head) };
}

/** By halves: what is decided stays decided. */
function firstDecided(text: string): number {
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (judge(text.slice(0, middle)).verdict === Verdict.MORE) low = middle + 1;
    else high = middle;
  }
  return high;
}
