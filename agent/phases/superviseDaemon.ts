// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { managed } from '../cluster/manage.js';
import { type Context, need } from '../context.js';
import { drain } from '../module/drain.js';
import type { Manage } from '../options.js';
import type { Phase, UndoScope } from '../phase.js';
import { adminPort, daemonArguments } from '../supervisor/command.js';
import { daemonProgram, hasPins, removePins } from '../supervisor/pins.js';
import { askAdminPort, refuseTakenPort, requireDaemonProgram } from '../supervisor/preconditions.js';
import { holdPlaces, leavePlaces } from '../supervisor/exclusive.js';
import { endLeftover, forgetProcesses, recordProcesses } from '../supervisor/processes.js';
import { withFewerRights } from '../supervisor/fewerRights.js';
import { readyUrl } from '../supervisor/readiness.js';
import { type DaemonCommand, Supervisor } from '../supervisor/supervisor.js';

interface Running {
  readonly supervisor: Supervisor;
  readonly manage: Manage;
  /** Pins of an earlier run, which steer connections now. */
  readonly adoptedPins: boolean;
}

const running = new WeakMap<Context, Running>();

/** Starts kmesh-daemon, waits until it is ready and keeps it running. */
export const superviseDaemon: Phase = {
  name: 'supervise-daemon',
  summary: 'start kmesh-daemon, wait until it is ready, keep it running',
  async run(ctx) {
    const { command, manage } = await prepare(ctx);
    const supervisor = new Supervisor(ctx, command);
    running.set(ctx, { supervisor, manage, adoptedPins: await hasPins(ctx) });
    await recordProcesses(ctx, undefined);
    await supervisor.start();
  },
  plan: (ctx) => plan(ctx),
  async hold(ctx) {
    await running.get(ctx)?.supervisor.hold();
  },
  async undo(ctx, scope) {
    const started = running.get(ctx);
    try {
      // Refused before it began: records and pins are another run's.
      if (started !== undefined) await undo(ctx, started, scope);
    } finally {
      leavePlaces(ctx);
    }
  },
};

async function undo(ctx: Context, { supervisor, manage, adoptedPins }: Running, scope: UndoScope): Promise<void> {
  await supervisor.stop();
  await forgetProcesses(ctx);
  // After a failed start, pins that were there before carry the connections of the earlier run.
  if (scope === 'run' && adoptedPins) return;
  await drain(ctx);
  await removePins(ctx, manage);
}

async function prepare(ctx: Context): Promise<{ readonly command: DaemonCommand; readonly manage: Manage }> {
  const { options, log } = ctx;
  const program = daemonProgram(ctx);
  await requireDaemonProgram(ctx);
  await holdPlaces(ctx);
  const leftover = await endLeftover(ctx, options.supervision.graceMs);
  if (leftover !== undefined) log.warn(`ended kmesh-daemon with pid ${leftover}, which an earlier agent left behind`);
  const port = adminPort(options.daemonArgs);
  refuseTakenPort(ctx, await askAdminPort(ctx));
  const { manage, why } = await managed(ctx);
  log.info({ manage }, `steered are the connections of ${manage === 'labelled' ? 'the pods that labels take into the mesh' : 'every process'} (${why})`);
  const args = daemonArguments(options, need(ctx, 'build').objects, need(ctx, 'attachFolder'), manage);
  return { command: { ...(await withFewerRights(ctx, process.execPath, [program, ...args], manage)), port }, manage };
}

async function plan(ctx: Context): Promise<readonly string[]> {
  const { options } = ctx;
  const cgroup = path.join(options.cgroup2Path, options.attachCgroup ?? '');
  const args = daemonArguments(options, need(ctx, 'build').objects, cgroup, (await managed(ctx)).manage);
  return [`would run: ${[process.execPath, daemonProgram(ctx), ...args].join(' ')}`, `and wait for ${readyUrl(adminPort(options.daemonArgs))}; restart: ${options.restart}, on stop: ${options.onStop}`];
}
