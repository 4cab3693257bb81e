// SPDX-License-Identifier: Apache-2.0
/** Streams of a hostile control plane, for as long as one likes. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { drawer, hostileRun, newSeed } from './hostile.js';

const CAPTURES = '../shared/fixtures/istiod';
const FILES = ['001-cds.pb', '002-eds.pb', '003-lds.pb', '004-rds.pb'];
/** Messages before the state is mended and compared. */
const MESSAGES = 500;

/**
 * Makes streams out of captures of istiod until the time is over.
 *
 * @param folder gets the message and the seed that broke something.
 * @returns whether nothing broke.
 */
export async function fuzzStreams(folder: string, seconds: number): Promise<boolean> {
  if (!existsSync(CAPTURES)) {
    process.stderr.write(`xds: left out, ${CAPTURES} is not there\n`);
    return true;
  }
  const end = performance.now() + 1000 * seconds;
  let [runs, messages] = [0, 0];
  while (performance.now() < end) {
    const protocol = runs % 2 === 0 ? 'sotw' : 'delta';
    const good = FILES.map((file) => readFileSync(path.join(CAPTURES, protocol, file)));
    const seed = newSeed();
    let last: Buffer = Buffer.alloc(0);
    try {
      const run = await hostileRun({ protocol, good, draw: drawer(seed), more: (n) => n < MESSAGES && performance.now() < end, trace: (message) => (last = message) });
      messages += run.messages;
    } catch (error) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, `crash-${protocol}-${seed}`), last);
      process.stderr.write(`xds: ${protocol}, seed ${seed}: ${String(error)}\n`);
      return false;
    }
    runs += 1;
  }
  process.stderr.write(`xds: ${messages} messages in ${runs} streams\n`);
  return true;
}
