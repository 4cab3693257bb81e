// SPDX-License-Identifier: Apache-2.0
// What a landing has to pass: the lanes one after another, all of them also when one fails. Ends with the line
// `N passed, N failed, N skipped` over all lanes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { root } from './setup.mjs';

const LANES = [
  ['npm', 'test', '--silent'],
  ['npm', 'run', '--silent', 'test:vm', '--', '6.1', '--only', 'sockets'],
  ['npm', 'run', '--silent', 'test:kube', '--', 'steering'],
];

const CLOSING = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;

/** Runs a lane; its closing line is kept back, so that only the sum stands at the end. */
async function run([file, ...args]) {
  const lane = [file, ...args].join(' ');
  process.stdout.write(`lane: ${lane}\n`);
  const began = Date.now();
  const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let counts;
  for await (const line of createInterface({ input: child.stdout })) {
    const closing = CLOSING.exec(line);
    if (closing) counts = closing.slice(1).map((n) => Number(n ?? 0));
    else process.stdout.write(`${line}\n`);
  }
  const [code, signal] = child.exitCode === null && child.signalCode === null ? await once(child, 'exit') : [child.exitCode, child.signalCode];
  const [passed, failed, skipped] = counts ?? [0, 0, 0];
  // A lane that ends badly without a failed test (it died, or never began) counts as one.
  const dead = (code !== 0 || counts === undefined) && failed === 0 ? 1 : 0;
  if (dead) process.stdout.write(`FAILED lane ${lane}: ${signal ?? `exit ${code}`}\n`);
  process.stdout.write(`lane: ${lane}: ${passed} tests passed and ${failed + dead} failed in ${Math.round((Date.now() - began) / 1000)} s\n`);
  return [passed, failed + dead, skipped];
}

const total = [0, 0, 0];
for (const lane of LANES) (await run(lane)).forEach((n, i) => (total[i] += n));
process.stdout.write(`${total[0]} passed, ${total[1]} failed, ${total[2]} skipped\n`);
process.exitCode = total[1] === 0 ? 0 : 1;
