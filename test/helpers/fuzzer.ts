// SPDX-License-Identifier: Apache-2.0
/** Runs a program that clang built with libFuzzer. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

export interface FuzzRun {
  readonly program: string;
  /** Gets the texts that reach something new, in found/, and those that break a property (`crash-...`); may have some from before. */
  readonly folder: string;
  /** `-runs=N`, `-max_total_time=SECONDS`, `-seed=N`. */
  readonly limits: readonly string[];
  /** Where the lines of libFuzzer go. */
  readonly output: 'pipe' | 'inherit';
}

export interface FuzzTarget {
  /** Bytes of a text. */
  readonly longest: number;
  readonly dictionary: string;
  /** Folder of texts to begin with. */
  readonly corpus: string;
}

export function runFuzzer({ program, folder, limits, output, longest, dictionary, corpus }: FuzzRun & FuzzTarget): { readonly passed: boolean; readonly log: string } {
  const found = path.join(folder, 'found');
  mkdirSync(found, { recursive: true });
  const args = [`-max_len=${longest}`, `-dict=${dictionary}`, `-artifact_prefix=${folder}/`, ...limits, found, corpus];
  const { status, stderr } = spawnSync(program, args, { stdio: ['ignore', output, output], maxBuffer: 1 << 28 });
  return { passed: status === 0, log: stderr?.toString() ?? '' };
}
