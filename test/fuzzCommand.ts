// SPDX-License-Identifier: Apache-2.0
// `npm run fuzz [-- SECONDS [TARGET...]]`: looks for texts that break the kernel module's reading of request heads, the CNI plugin's reading of
// everything, or the daemon's reading of a control plane. What the first two reached is kept in build/fuzz/TARGET and taken up by the next run.
import path from 'node:path';
import * as cni from './cni/fuzz.js';
import { fuzzStreams } from './daemon/xds/fuzz.js';
import * as heads from './kernel/fuzz.js';

/** Looks for so many seconds; `folder` gets what breaks something. @returns whether nothing does. */
type Target = (folder: string, seconds: number) => boolean | Promise<boolean>;

const byLibFuzzer = ({ buildFuzzer, fuzz }: typeof heads | typeof cni): Target => (folder, seconds) =>
  fuzz({ program: buildFuzzer(), folder, limits: [`-max_total_time=${seconds}`, '-print_final_stats=1'], output: 'inherit' }).passed;

const TARGETS = { heads: byLibFuzzer(heads), cni: byLibFuzzer(cni), xds: fuzzStreams } satisfies Record<string, Target>;
const isTarget = (name: string): name is keyof typeof TARGETS => name in TARGETS;

const [given = '600', ...names] = process.argv.slice(2);
const seconds = Number(given);
if (!Number.isInteger(seconds) || seconds < 1 || !names.every(isTarget)) {
  process.stderr.write(`usage: npm run fuzz [-- SECONDS [${Object.keys(TARGETS).join('|')}]...]\n`);
  process.exit(2);
}
for (const name of names.length > 0 ? names.filter(isTarget) : (Object.keys(TARGETS) as (keyof typeof TARGETS)[])) {
  const folder = path.resolve('build/fuzz', name);
  if (await TARGETS[name](folder, seconds)) continue;
  process.stderr.write(`fuzz: a text breaks ${name}; it is in ${folder}\n`);
  process.exitCode = 1;
  break;
}
