// SPDX-License-Identifier: Apache-2.0
// `npm run fuzz [-- SECONDS]`: looks for heads that break the scanner or the record. What it reached is kept in
// build/fuzz/ and taken up by the next run.
import path from 'node:path';
import { buildFuzzer, fuzz } from './fuzz.js';

const seconds = Number(process.argv[2] ?? 600);
if (!Number.isInteger(seconds) || seconds < 1) {
  process.stderr.write('usage: npm run fuzz [-- SECONDS]\n');
  process.exit(2);
}
const folder = path.resolve('build/fuzz');
const { passed } = fuzz({ program: buildFuzzer(), folder, limits: [`-max_total_time=${seconds}`, '-print_final_stats=1'], output: 'inherit' });
if (!passed) process.stderr.write(`fuzz: a text breaks the scanner or the record; it is in ${folder}\n`);
process.exit(passed ? 0 : 1);
