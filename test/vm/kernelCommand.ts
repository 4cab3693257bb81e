// SPDX-License-Identifier: Apache-2.0
/** `node scripts/vm-kernel.mjs`: what the harness knows of a kernel, modules built for it, scripts run in it. */
import fs from 'node:fs';
import path from 'node:path';
import { CACHE } from './cache.js';
import { KERNELS, prepareKernel, type Kernel } from './kernels.js';
import { buildModule } from './moduleBuild.js';
import { ROOT } from './paths.js';
import { runSession } from './session.js';
import { temporaryFolder } from './temporaryFolder.js';

const USAGE = `node scripts/vm-kernel.mjs KERNEL [--json]                             release, image and headers
node scripts/vm-kernel.mjs KERNEL build SOURCES OUT_KO [NAME=VALUE ...]  builds an external module; a folder as VALUE goes along
node scripts/vm-kernel.mjs KERNEL run SCRIPT [FILE ...]                  boots it and runs a shell script beside the files
KERNEL: ${KERNELS.join(', ')}. They are kept as they were first fetched, in ${CACHE} (KMESH_VM_CACHE), which can be deleted at any time.
`;
const RUN_LIMIT_SECONDS = Number(process.env['KMESH_VM_LIMIT'] ?? 300);

async function main([name, command = '', ...args]: string[]): Promise<void> {
  if (name === undefined || !['', '--json', 'build', 'run'].includes(command)) throw new Error(USAGE);
  const kernel = prepareKernel(name);
  if (command === 'build') build(kernel, args);
  else if (command === 'run') await run(kernel, args);
  else if (command === '--json') process.stdout.write(`${JSON.stringify(kernel, undefined, 2)}\n`);
  else for (const [key, value] of Object.entries(kernel)) process.stdout.write(`${key}: ${value}\n`);
}

function build(kernel: Kernel, [folder, output, ...words]: readonly string[]): void {
  if (folder === undefined || output === undefined) throw new Error(USAGE);
  const variables = Object.fromEntries(words.map((word) => [word.replace(/=.*/s, ''), word.replace(/^[^=]*=/, '')]));
  process.stderr.write(buildModule(kernel, { folder, variables }, output));
}

async function run(kernel: Kernel, [script, ...files]: readonly string[]): Promise<void> {
  if (script === undefined) throw new Error(USAGE);
  const copy = path.join(temporaryFolder().folder, 'script.sh');
  fs.copyFileSync(script, copy);
  const inputs = {
    plan: { kernel: kernel.name, scenarios: ['script'], defaultLimitSeconds: RUN_LIMIT_SECONDS, slowness: 1, boot: 1 },
    scenarios: [path.join(ROOT, 'test/vm/guest/script.ts')],
    modules: new Map<string, string>(),
    files: [copy, ...files],
  };
  let passed = false;
  const result = await runSession({ kernel, inputs, limitSeconds: RUN_LIMIT_SECONDS + 60, title: `${kernel.name}-run-${process.pid}` }, (event) => {
    if (event.event === 'note') process.stdout.write(`${event.text}\n`);
    if (event.event === 'check') passed = event.ok;
    if (event.event === 'check' && !event.ok) process.stdout.write(`${event.name}: no\n${event.detail ?? ''}\n`);
  });
  const ending = result.timedOut ? 'killed: its time was over' : result.complete ? 'ended' : 'died';
  process.stderr.write(`${kernel.release} ${ending} after ${result.seconds.toFixed(1)} s; console: ${path.relative('.', result.consoleFile)}\n`);
  if (!passed || !result.complete) process.exitCode = 1;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
