// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildProgram, sanitized, type Fault } from './build.js';
import { EDGE_HEADS } from './edgeHeads.js';

const HERE = path.resolve('test/kernel');
/** Enough for more headers and parameters than a head may have. */
const LONGEST = 2048;

/** @throws with what clang said. */
export function buildFuzzer(fault?: Fault): string {
  return buildProgram({ sources: ['fuzzHeads.c', 'headCheck.c'], options: sanitized('fuzzer'), ...(fault && { fault }) });
}

export interface FuzzRun {
  readonly program: string;
  /** Gets the texts that reach something new, and those that break a property (`crash-...`); may have some from before. */
  readonly folder: string;
  /** `-runs=N`, `-max_total_time=SECONDS`, `-seed=N`. */
  readonly limits: readonly string[];
  /** Where the lines of libFuzzer go. */
  readonly output: 'pipe' | 'inherit';
}

/** Begins with corpus/, the heads at the edges, and what the folder has. */
export function fuzz({ program, folder, limits, output }: FuzzRun): { readonly passed: boolean; readonly log: string } {
  const found = path.join(folder, 'found');
  mkdirSync(found, { recursive: true });
  for (const { name, decidedBy, then = '' } of EDGE_HEADS) {
    const text = Buffer.from(decidedBy + then, 'latin1');
    if (text.length <= LONGEST) writeFileSync(path.join(found, name.replace(/\W+/g, '-')), text);
  }
  const args = [`-max_len=${LONGEST}`, `-dict=${path.join(HERE, 'heads.dict')}`, `-artifact_prefix=${folder}/`, ...limits, found, path.join(HERE, 'corpus')];
  const { status, stderr } = spawnSync(program, args, { stdio: ['ignore', output, output], maxBuffer: 1 << 28 });
  return { passed: status === 0, log: stderr?.toString() ?? '' };
}
