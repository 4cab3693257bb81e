// SPDX-License-Identifier: Apache-2.0
// `npm run fuzz [-- SECONDS [TARGET...]]`: looks for texts that break the kernel module's reading of request heads, or the CNI plugin's reading of
// everything. What each reached is kept in build/fuzz/TARGET and taken up by the next run.
import path from 'node:path';
import * as cni from './cni/fuzz.js';
import * as heads from './kernel/fuzz.js';

const TARGETS = { heads, cni };
const isTarget = (name: string): name is keyof typeof TARGETS => name in TARGETS;

const [given = '600', ...names] = process.argv.slice(2);
const seconds = Number(given);
if (!Number.isInteger(seconds) || seconds < 1 || !names.every(isTarget)) {
  process.stderr.write(`usage: npm run fuzz [-- SECONDS [${Object.keys(TARGETS).join('|')}]...]\n`);
  process.exit(2);
}
for (const name of names.length > 0 ? names.filter(isTarget) : (Object.keys(TARGETS) as (keyof typeof TARGETS)[])) {
  const folder = path.resolve('build/fuzz', name);
  const { passed } = TARGETS[name].fuzz({ program: TARGETS[name].buildFuzzer(), folder, limits: [`-max_total_time=${seconds}`, '-print_final_stats=1'], output: 'inherit' });
  if (passed) continue;
  process.stderr.write(`fuzz: a text breaks ${name}; it is in ${folder}\n`);
  process.exitCode = 1;
  break;
}
