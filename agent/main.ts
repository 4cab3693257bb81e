// SPDX-License-Identifier: Apache-2.0
import './smallHeap.js';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CommandLine, parseCommandLine } from './cli.js';
import { bundle } from './commands/bundle.js';
import { cleanup } from './commands/cleanup.js';
import { doctor } from './commands/doctor.js';
import { inspect } from './commands/inspect.js';
import { plan } from './commands/plan.js';
import { run } from './commands/run.js';
import type { Context } from './context.js';
import { isOwnChild } from './children.js';
import { withoutSecrets } from './doctor/secrets.js';
import { asKmeshError } from './errors.js';
import { exec, startService } from './exec.js';
import { takeOwnGid } from './identity.js';
import { type LastWords, watchLastWords } from './lastWords.js';
import { createLogger } from './log.js';
import { requirePrivileges } from './privileges.js';
import { CAPABILITY_NAMES } from './requirements.js';
import { SEQUENCE } from './sequence.js';
import { reapOrphans } from './reaper.js';
import { logError } from './report.js';
import { IDLE_SIGNALS, takeSignals } from './supervisor/signals.js';
import { Board } from './status/board.js';
import { sys } from './sys.js';
import { sysForKernel } from './sysForKernel.js';
import { agentVersion } from './version.js';

/** Holds agent.js, daemon.js, bpf/ and config/. From its sources the agent runs one folder below. */
function installFolder(): string {
  const here = fileURLToPath(import.meta.url);
  const folder = path.dirname(here);
  return path.basename(here) === 'main.ts' ? path.dirname(folder) : folder;
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(argv: readonly string[], lastWords: LastWords): Promise<number> {
  const root = installFolder();
  const line = await parseCommandLine(argv, { phases: SEQUENCE, capabilities: CAPABILITY_NAMES, terminal: process.stdout.isTTY === true });
  switch (line.command) {
    case 'help':
      print(line.text);
      return 0;
    case 'version':
      print(await agentVersion(sys, root));
      return 0;
    case 'inspect':
      await inspect(sys, root, line.options, print);
      return 0;
    case 'doctor':
      for (const hint of line.hints) process.stderr.write(`${hint}\n`);
      return await doctor({ sys, exec, options: line.options, root }, line.doctor, SEQUENCE, print);
    default:
      return await onNode(line, root, lastWords);
  }
}

async function onNode(line: Exclude<CommandLine, { command: 'help' | 'version' | 'inspect' | 'doctor' }>, root: string, lastWords: LastWords): Promise<number> {
  const { command, options, hints } = line;
  // What lies in the state folder is loaded into the kernel; nothing that the agent or its tools write is for others.
  process.umask(0o077);
  if (command === 'run' || command === 'cleanup') await requirePrivileges(sys);
  const log = createLogger(options.logLevel, options.logFormat, command === 'plan' ? 2 : 1);
  lastWords.tell = (error) => logError(log, options.logFormat, error);
  const signals = takeSignals((signal, passedOn) => log[IDLE_SIGNALS.includes(signal) ? 'debug' : 'info'](passedOn ? `${signal} is passed on to kmesh-daemon` : `${signal} came and nobody takes it: kmesh-daemon does not run`));
  // A cleanup that is cut short would leave things half done.
  const stop = command === 'cleanup' ? new AbortController().signal : signals.stop;
  if (command !== 'plan') await reapOrphans(sys, isOwnChild);
  const ctx: Context = { options, root, log, sys, exec, startService, ...signals, stop, results: {}, board: new Board() };
  for (const hint of hints) log.warn(hint);
  switch (line.command) {
    case 'run':
      await takeOwnGid();
      log.info({ version: await agentVersion(sys, root), argv: process.argv.slice(2).map(withoutSecrets) }, `Kmesh node agent ${await agentVersion(sys, root)}`);
      return await run(ctx, SEQUENCE);
    case 'plan':
      await plan(ctx, SEQUENCE, print);
      return 0;
    case 'bundle':
      return await bundle({ ...ctx, sys: options.kernelRelease === undefined ? sys : sysForKernel(sys, options.kernelRelease) }, SEQUENCE, line.output);
    case 'cleanup':
      return await cleanup(ctx);
  }
}

const lastWords = watchLastWords();
try {
  lastWords.ended = await main(process.argv.slice(2), lastWords);
} catch (thrown) {
  const error = asKmeshError(thrown);
  lastWords.tell(error);
  lastWords.ended = error.exitCode;
}
process.exitCode = lastWords.ended;
