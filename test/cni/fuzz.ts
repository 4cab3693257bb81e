// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { runFuzzer, type FuzzRun } from '../helpers/fuzzer.js';
import type { Fault } from '../kernel/build.js';
import { buildProgram } from './build.js';

const HERE = path.resolve('test/cni');

/** @throws with what clang said. */
export const buildFuzzer = (fault?: Fault): string => buildProgram('fuzzPlugin.c', fault, 'fuzzer');

/** Begins with corpus/ and what the folder has. */
export const fuzz = (run: FuzzRun): ReturnType<typeof runFuzzer> => runFuzzer({ ...run, longest: 4096, dictionary: path.join(HERE, 'plugin.dict'), corpus: path.join(HERE, 'corpus') });
