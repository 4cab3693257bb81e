// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runFuzzer, type FuzzRun } from '../helpers/fuzzer.js';
import { buildProgram, sanitized, type Fault } from './build.js';
import { EDGE_HEADS } from './edgeHeads.js';

const HERE = path.resolve('test/kernel');
/** Enough for more headers and parameters than a head may have. */
const LONGEST = 2048;

/** @throws with what clang said. */
export function buildFuzzer(fault?: Fault): string {
  return buildProgram({ sources: ['fuzzHeads.c', 'headCheck.c'], options: sanitized('fuzzer'), ...(fault && { fault }) });
}

/** Begins with corpus/, the heads at the edges, and what the folder has. */
export function fuzz(run: FuzzRun): ReturnType<typeof runFuzzer> {
  const found = path.join(run.folder, 'found');
  mkdirSync(found, { recursive: true });
  for (const { name, decidedBy, then = '' } of EDGE_HEADS) {
    const text = Buffer.from(decidedBy + then, 'latin1');
    if (text.length <= LONGEST) writeFileSync(path.join(found, name.replace(/\W+/g, '-')), text);
  }
  return runFuzzer({ ...run, longest: LONGEST, dictionary: path.join(HERE, 'heads.dict'), corpus: path.join(HERE, 'corpus') });
}
