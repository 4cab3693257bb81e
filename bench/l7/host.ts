// SPDX-License-Identifier: Apache-2.0
/** Boots the kernel that the benchmark runs on and prints what its guest measured. Always a virtual machine: no module goes into this one. */
import path from 'node:path';
import { clientPrograms } from '../../test/vm/clientPrograms.js';
import { scanConsole } from '../../test/vm/consoleScan.js';
import { prepareKernel } from '../../test/vm/kernels.js';
import { buildModule } from '../../test/vm/moduleBuild.js';
import { ROOT } from '../../test/vm/paths.js';
import { runSession } from '../../test/vm/session.js';
import { KMESH_MODULE } from '../../test/vm/proof/stage.js';
import { temporaryFolder } from '../../test/vm/temporaryFolder.js';
import { limitSeconds, name, SAMPLE } from './l7.js';
import { report } from './report.js';
import type { Sample } from './rounds.js';

const KERNEL = '6.1';
const BOOT_SECONDS = 120;

const { folder } = temporaryFolder();
const kernel = prepareKernel(KERNEL);
const file = path.join(folder, 'kmesh.ko');
buildModule(kernel, KMESH_MODULE.kmesh, file);

const samples: Sample[] = [];
const problems: string[] = [];
const result = await runSession(
  {
    kernel,
    inputs: {
      plan: { kernel: KERNEL, scenarios: [name], defaultLimitSeconds: limitSeconds, slowness: 1, boot: 1 },
      scenarios: [path.join(ROOT, 'bench/l7/l7.ts')],
      modules: new Map([['kmesh', file]]),
      files: [clientPrograms(), path.join(ROOT, 'test/vm/requests')],
    },
    limitSeconds: limitSeconds + BOOT_SECONDS,
    title: `bench-${name}`,
  },
  (event) => {
    if (event.event === 'check' && !event.ok) problems.push(`${event.name}: ${event.detail ?? ''}`);
    if (event.event !== 'note') return;
    if (event.text.startsWith(SAMPLE)) samples.push(JSON.parse(event.text.slice(SAMPLE.length)) as Sample);
    else process.stderr.write(`bench: ${event.text}\n`);
  },
);
problems.push(...scanConsole(result.console).map(({ text }) => text));
if (!result.complete) problems.push(result.timedOut ? 'the machine was killed because its time was over' : 'the machine ended before its runner did');
if (problems.length > 0) throw new Error(`${problems.join('\n')}\nconsole: ${path.relative('.', result.consoleFile)}`);
process.stdout.write(`HTTP through kmesh.ko on ${kernel.release}\n\n${report(samples)}\n`);
