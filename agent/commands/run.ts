// SPDX-License-Identifier: Apache-2.0
import { reportCapabilities } from '../capabilityReport.js';
import type { Context } from '../context.js';
import { asKmeshError, type KmeshError } from '../errors.js';
import { exitStatus } from '../exec.js';
import type { Phase } from '../phase.js';
import { no, unknown, yes } from '../probe/fact.js';
import { logError } from '../report.js';
import { phasesUntil, runPhases, timingSummary, undoPhases } from '../runner.js';

/** Mounted into every pod that has a service account; its absence means that this is no pod. */
const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Brings the node up and keeps it up until it is told to stop. @returns the exit code */
export async function run(ctx: Context, sequence: readonly Phase[]): Promise<number> {
  const phases = phasesUntil(sequence, ctx.options.until);
  const { begun, timings, error, stopped } = await runPhases(phases, ctx);
  ctx.log.info({ timings }, timingSummary(timings));
  if (error !== undefined) await reportCapabilities(ctx, no(`the start failed: ${error.code}`));
  if (error !== undefined || stopped) {
    const undone = await undoPhases(begun, ctx, ctx.options.onStop === 'cleanup' ? 'all' : 'run');
    return error?.exitCode ?? undone[0]?.exitCode ?? exitStatus({ code: undefined, signal: ctx.stop.reason as NodeJS.Signals });
  }
  const holders = begun.filter((phase) => phase.hold !== undefined);
  if (holders.length === 0) {
    await reportCapabilities(ctx, unknown('the programs are not in force yet'));
    ctx.log.info(`ended after phase ${ctx.options.until} as asked by --until; what was done stays, \`node agent.js cleanup\` removes it`);
    return 0;
  }
  await reportCapabilities(ctx, yes('the programs are in force'));
  ctx.log.info('ready: this node is in the mesh');
  const failed = await holdAll(ctx, holders);
  if (ctx.stop.aborted) ctx.log.info(`stopping: ${ctx.stop.reason}`);
  const undone = (await keepsNode(ctx)) ? [] : await undoPhases(begun, ctx, 'all');
  return failed?.exitCode ?? undone[0]?.exitCode ?? 0;
}

async function holdAll(ctx: Context, holders: readonly Phase[]): Promise<KmeshError | undefined> {
  try {
    await Promise.all(holders.map((phase) => phase.hold?.(ctx)));
    return undefined;
  } catch (thrown) {
    const error = asKmeshError(thrown);
    logError(ctx.log, ctx.options.logFormat, error);
    return error;
  }
}

/** What --on-stop decides: whether mounts, programs and maps stay. */
async function keepsNode({ options, sys, log }: Context): Promise<boolean> {
  const inPod = (await sys.stat(SERVICE_ACCOUNT_TOKEN)) !== undefined;
  if (options.onStop === 'cleanup' || (options.onStop === 'auto' && !inPod)) return false;
  const why = options.onStop === 'keep' ? 'as asked by --on-stop=keep' : 'this is a pod, and whether it is restarted or removed is not asked of the cluster in this build';
  log.info(`mounts, programs and maps stay and go on steering: ${why}; \`node agent.js cleanup\` removes them`);
  return true;
}
