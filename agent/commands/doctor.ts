// SPDX-License-Identifier: Apache-2.0
import pino from 'pino';
import type { Context } from '../context.js';
import { Recorder } from '../doctor/capture.js';
import { examine } from '../doctor/examination.js';
import { openCapture } from '../doctor/hostRoot.js';
import { diagnose, type Report } from '../doctor/report.js';
import { looksOnly, watchDenials } from '../doctor/watch.js';
import { EXIT_CODES, KmeshError } from '../errors.js';
import type { DoctorOptions } from '../options.js';
import type { Phase } from '../phase.js';
import { Board } from '../status/board.js';
import { SignalRelay } from '../supervisor/signals.js';
import { formatCapabilityTable } from '../status/capabilityTable.js';
import { formatCheckTable } from '../status/checkTable.js';
import type { Sys } from '../sys.js';

type World = Pick<Context, 'sys' | 'exec' | 'options' | 'root'>;

/**
 * Runs every check of every phase and prints one report. Changes nothing on the node but the archive of --capture.
 *
 * @param world the node, or what is in its place in tests
 * @returns the exit code
 */
export async function doctor(world: World, asked: DoctorOptions, sequence: readonly Phase[], print: (text: string) => void): Promise<number> {
  const seen = asked.hostRoot === undefined ? world : await openCapture(world, asked.hostRoot);
  const recorder = asked.capture === undefined ? undefined : new Recorder(seen);
  const report = await examineWorld(recorder?.world ?? seen, asked.connect, sequence);
  print(asked.json ? JSON.stringify(report, undefined, 2) : describe(report));
  if (recorder !== undefined && asked.capture !== undefined) await write(world.sys, asked.capture, recorder.archive());
  return report.checks.some(({ status }) => status === 'error') ? EXIT_CODES.unhealthy : 0;
}

async function examineWorld({ sys, exec, options, root }: World, connect: boolean, sequence: readonly Phase[]): Promise<Report> {
  const denied = new Map<string, string>();
  const warnings: string[] = [];
  const ctx: Context = {
    options,
    root,
    // Nothing is logged, since the report says it all.
    log: pino({ level: 'warn' }, { write: (line: string) => void warnings.push(messageOf(line)) }),
    sys: looksOnly(watchDenials(sys, denied)),
    exec,
    startService: () => Promise.reject(new Error('doctor starts no service')),
    stop: new AbortController().signal,
    hurry: new AbortController().signal,
    relay: new SignalRelay(),
    results: {},
    board: new Board(),
  };
  return diagnose(await examine(ctx, sequence, { denied, warnings, connect }));
}

const messageOf = (line: string): string => String((JSON.parse(line) as { msg?: unknown }).msg ?? '');

function describe({ checks, capabilities }: Report): string {
  return [formatCheckTable(checks), ...(capabilities.length === 0 ? [] : [formatCapabilityTable(capabilities)])].join('\n\n');
}

async function write(sys: Sys, file: string, archive: Uint8Array): Promise<void> {
  try {
    await sys.writePrivateFile(file, archive);
  } catch (error) {
    throw new KmeshError('KM_CAPTURE', `${file} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}
