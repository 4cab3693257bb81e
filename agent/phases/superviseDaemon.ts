// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, need } from '../context.js';
import { drain } from '../module/drain.js';
import type { Phase } from '../phase.js';
import { RESTART_TIMES, type RestartTimes } from '../supervisor/backoff.js';
import { adminPort, daemonArguments } from '../supervisor/command.js';
import { daemonProgram, hasPins, removePins } from '../supervisor/pins.js';
import { askAdminPort, refuseTakenPort, requireDaemonProgram } from '../supervisor/preconditions.js';
import { endLeftover, forgetProcesses, recordProcesses } from '../supervisor/processes.js';
import { readyUrl } from '../supervisor/readiness.js';
import { type DaemonCommand, Supervisor } from '../supervisor/supervisor.js';

interface Running {
  readonly supervisor: Supervisor;
  /** Pins of an earlier run, which steer connections now. */
  readonly adoptedPins: boolean;
}

/** Starts kmesh-daemon, waits until it is ready and keeps it running. */
export function superviseDaemonBy(times: RestartTimes): Phase {
  const running = new WeakMap<Context, Running>();
  return {
    name: 'supervise-daemon',
    summary: 'start kmesh-daemon, wait until it is ready, keep it running',
    async run(ctx) {
      const command = await prepare(ctx, times);
      const supervisor = new Supervisor(ctx, command, times);
      running.set(ctx, { supervisor, adoptedPins: await hasPins(ctx) });
      await recordProcesses(ctx, undefined);
      await supervisor.start();
    },
    plan: (ctx) => plan(ctx),
    async hold(ctx) {
      await running.get(ctx)?.supervisor.hold();
    },
    async undo(ctx, scope) {
      const started = running.get(ctx);
      // Refused before it began: records and pins are another run's.
      if (started === undefined) return;
      await started.supervisor.stop();
      await forgetProcesses(ctx);
      // After a failed start, pins that were there before carry the connections of the earlier run.
      if (scope === 'run' && started.adoptedPins) return;
      await drain(ctx);
      await removePins(ctx);
    },
  };
}

export const superviseDaemon: Phase = superviseDaemonBy(RESTART_TIMES);

async function prepare(ctx: Context, times: RestartTimes): Promise<DaemonCommand> {
  const { options, log } = ctx;
  const program = daemonProgram(ctx);
  await requireDaemonProgram(ctx);
  const leftover = await endLeftover(ctx, times.graceMs);
  if (leftover !== undefined) log.warn(`ended kmesh-daemon with pid ${leftover}, which an earlier agent left behind`);
  const port = adminPort(options.daemonArgs);
  refuseTakenPort(ctx, await askAdminPort(ctx));
  const args = daemonArguments(options, need(ctx, 'build').objects, need(ctx, 'attachFolder'));
  return { file: process.execPath, args: [program, ...args], port };
}

async function plan(ctx: Context): Promise<readonly string[]> {
  const { options } = ctx;
  const cgroup = path.join(options.cgroup2Path, options.attachCgroup ?? '');
  const args = daemonArguments(options, need(ctx, 'build').objects, cgroup);
  return [`would run: ${[process.execPath, daemonProgram(ctx), ...args].join(' ')}`, `and wait for ${readyUrl(adminPort(options.daemonArgs))}; restart: ${options.restart}, on stop: ${options.onStop}`];
}
