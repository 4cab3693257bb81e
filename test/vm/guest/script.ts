// SPDX-License-Identifier: Apache-2.0
/** `vm-kernel.mjs KERNEL run SCRIPT`: the person's own shell script, started beside its files, its output shown as it comes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import type { Checks } from './scenario.js';

export const name = 'script';

export async function run(t: Checks): Promise<void> {
  const shell = spawn('bash', ['-c', 'exec 2>&1; . ./script.sh'], { cwd: '/kmesh/files', stdio: ['ignore', 'pipe', 'inherit'] });
  readline.createInterface({ input: shell.stdout }).on('line', (line) => t.note(line));
  const [code, signal] = (await once(shell, 'close')) as [number | null, string | null];
  t.equal(signal ?? code, 0, 'the script ends with 0');
}
