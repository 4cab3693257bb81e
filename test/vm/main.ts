// SPDX-License-Identifier: Apache-2.0
/** `npm run test:vm [-- KERNEL ...] [--only SCENARIO ...]`: boots kernels and runs the scenarios in each. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { clientPrograms } from './clientPrograms.js';
import { scanConsole, type Report } from './consoleScan.js';
import { imageDisks } from './containerImages.js';
import { debugKernelIsOutOfReach } from './debugKernel.js';
import { DEBIAN_KERNELS, KERNELS, prepareKernel, type Kernel } from './kernels.js';
import { buildModule } from './moduleBuild.js';
import { ROOT } from './paths.js';
import { readScenarios, type ScenarioFile } from './scenarioFiles.js';
import { keptDisk } from './keptDisk.js';
import { runSession, type Result } from './session.js';
import { Tally } from './tally.js';
import { temporaryFolder } from './temporaryFolder.js';

const DEFAULT_LIMIT_SECONDS = 120;
/** Boot, the end, and on the debug kernel its two searches for leaks. */
const BOOT_SECONDS = 120;
/** All limits of time times this, for a machine that does other work too. */
const PATIENCE = Number(process.env['KMESH_VM_PATIENCE'] ?? 1);
/** KASAN and lockdep under software emulation. */
const slownessOf = (kernel: string): number => (kernel === 'debug' ? 4 : 1) * PATIENCE;

async function main(argv: readonly string[], tally: Tally): Promise<void> {
  // Folders that scenarios name, and the paths that are printed, are relative to it.
  process.chdir(ROOT);
  if (process.arch !== 'x64') throw new Error(`the machines are x86_64 ones with this machine's own Node inside, which is for ${process.arch}`);
  if (process.getuid?.() !== 0) throw new Error('root is needed: modules are built under a changed root');
  const { values, positionals } = parseArgs({ args: [...argv], options: { only: { type: 'string', multiple: true, default: [] } }, allowPositionals: true });
  const names = positionals.length > 0 ? positionals : DEBIAN_KERNELS;
  const unknown = names.filter((name) => !KERNELS.includes(name));
  if (unknown.length > 0) throw new Error(`no kernel is named ${unknown.join(', ')}; there are ${KERNELS.join(', ')}`);
  const scenarios = await readScenarios();
  const missing = values.only.filter((name) => !scenarios.some(({ scenario }) => scenario.name === name));
  if (missing.length > 0) throw new Error(`no scenario is named ${missing.join(', ')}; there are ${scenarios.map(({ scenario }) => scenario.name).join(', ')}`);
  const chosen = scenarios.filter(({ scenario }) => values.only.length === 0 || values.only.includes(scenario.name));
  for (const name of names) {
    const reason = name === 'debug' ? debugKernelIsOutOfReach() : undefined;
    if (reason !== undefined) tally.skip(name, reason);
    else await testKernel(name, chosen, tally);
  }
}

async function testKernel(name: string, scenarios: readonly ScenarioFile[], tally: Tally): Promise<void> {
  try {
    const kernel = prepareKernel(name);
    const fitting = scenarios.filter(({ scenario }) => scenario.kernels?.includes(name) ?? true);
    const isAlone = ({ scenario }: ScenarioFile): boolean => scenario.alone === true || scenario.boots !== undefined || scenario.images !== undefined || scenario.consoleReports !== undefined;
    const shared = fitting.filter((one) => !isAlone(one));
    for (const group of [shared, ...fitting.filter(isAlone).map((one) => [one])]) {
      if (group.length > 0) await testGroup(kernel, group, tally);
    }
  } catch (error) {
    tally.check(`${name}: the machine can be run`, false, (error as Error).message);
  }
}

/** Scenarios that share a machine. */
async function testGroup(kernel: Kernel, group: readonly ScenarioFile[], tally: Tally): Promise<void> {
  const { folder, remove } = temporaryFolder();
  try {
    const slowness = slownessOf(kernel.name);
    const names = group.flatMap(({ scenario }) => scenario.images ?? []);
    const images = names.length > 0 ? imageDisks(names, folder) : undefined;
    const inputs = {
      plan: { kernel: kernel.name, scenarios: group.map(({ scenario }) => scenario.name), defaultLimitSeconds: DEFAULT_LIMIT_SECONDS, slowness, boot: 1 },
      scenarios: group.map(({ file }) => file),
      modules: buildModules(kernel, group, folder),
      files: [clientPrograms(), ...['requests', 'sockets'].map((name) => path.join(ROOT, 'test/vm', name)), ...(images === undefined ? [] : [images.description])],
    };
    const limitSeconds = (BOOT_SECONDS + group.reduce((sum, { scenario }) => sum + (scenario.limitSeconds ?? DEFAULT_LIMIT_SECONDS), 0)) * slowness;
    const title = group.length === 1 ? `${kernel.name}-${group[0]!.scenario.name}` : kernel.name;
    const [first] = group;
    const boots = group.length === 1 ? first!.scenario.boots : undefined;
    for (let boot = 1; boot <= (boots ?? 1); boot++) {
      const session = { kernel, inputs: { ...inputs, plan: { ...inputs.plan, boot } }, limitSeconds, oneThread: group.some(({ scenario }) => scenario.oneThread), imageDisks: images?.disks, title: boots === undefined ? title : `${title}-${boot}`, keptDisk: boots === undefined ? undefined : keptDisk(first!.scenario.name) };
      const result = await runSession(session, (event) => {
        if (event.event === 'check') tally.check(`${kernel.name} ${event.scenario}: ${event.name}`, event.ok, event.detail);
        else if (event.event === 'note') process.stdout.write(`  ${event.text}\n`);
      });
      judge(kernel, group, result, tally);
    }
  } finally {
    remove();
  }
}

function buildModules(kernel: Kernel, group: readonly ScenarioFile[], folder: string): Map<string, string> {
  const wanted = new Map(group.flatMap(({ scenario }) => Object.entries(scenario.modules ?? {})));
  return new Map(
    [...wanted].map(([name, sources]) => {
      const output = path.join(folder, `${name}.ko`);
      buildModule(kernel, sources, output);
      return [name, output];
    }),
  );
}

function judge(kernel: Kernel, group: readonly ScenarioFile[], result: Result, tally: Tally): void {
  const where = `console: ${path.relative('.', result.consoleFile)}`;
  process.stdout.write(`  ${kernel.release}: ${result.seconds.toFixed(0)} s, ${where}\n`);
  const end = result.timedOut ? 'it was killed because its time was over' : 'it ended before its runner did';
  const tail = result.console.split('\n').slice(-40).join('\n');
  tally.check(`${kernel.name} machine: ${result.cut ? 'loses its power' : 'runs to its end'}`, result.complete || result.cut, `${end}; ${where}\n${tail}`);

  const reports = scanConsole(result.console);
  const wanted = group.flatMap(({ scenario }) => scenario.consoleReports?.(kernel.name) ?? []);
  if (wanted.length === 0) tally.check(`${kernel.name} console: no report`, reports.length === 0, textOf(reports));
  for (const pattern of wanted) tally.check(`${kernel.name} console: the scan finds ${pattern}`, reports.some(({ text }) => pattern.test(text)), textOf(reports));
}

const textOf = (reports: readonly Report[]): string => reports.map(({ line, text }) => `line ${line}\n${text}`).join('\n\n');

const tally = new Tally();
try {
  await main(process.argv.slice(2), tally);
} catch (error) {
  tally.check('test:vm', false, (error as Error).message);
}
process.exitCode = tally.close();
