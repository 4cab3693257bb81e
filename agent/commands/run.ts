// SPDX-License-Identifier: Apache-2.0
import { capabilitiesOf, reportCapabilities } from '../capabilityReport.js';
import { checkKubeconfig } from '../cluster/access.js';
import { isInCluster } from '../cluster/api.js';
import { OwnDaemonSet } from '../cluster/ownDaemonSet.js';
import { codedError } from '../coded.js';
import type { Context } from '../context.js';
import { serveStatus } from '../endpoints.js';
import type { KmeshError } from '../errors.js';
import { exitStatus } from '../exec.js';
import type { Phase } from '../phase.js';
import { no, unknown, yes } from '../probe/fact.js';
import { logError } from '../report.js';
import { checkRequirements } from '../requirements.js';
import { claimNode } from '../supervisor/exclusive.js';
import { agentVersion } from '../version.js';
import { phasesUntil, runPhases, timingSummary, undoPhases } from '../runner.js';

const IN_FORCE = yes('the programs are in force');

/**
 * Brings the node up, keeps it up until it is told to stop, and shows meanwhile how it is.
 *
 * @returns the exit code
 * @throws KM_AGENT_RUNNING, KM_STATE_..., KM_STATUS_PORT, KM_KUBECONFIG_...
 */
export async function run(ctx: Context, sequence: readonly Phase[]): Promise<number> {
  await checkKubeconfig(ctx);
  // Before the ports: a second agent is told of the first one, and not that its port is taken.
  const leave = await claimNode(ctx);
  try {
    return await runAlone(ctx, sequence);
  } finally {
    await leave();
  }
}

async function runAlone(ctx: Context, sequence: readonly Phase[]): Promise<number> {
  ctx.stop.addEventListener('abort', () => void (ctx.board.stopping = String(ctx.stop.reason)));
  const close = await serveStatus(ctx, await agentVersion(ctx.sys, ctx.root));
  const asksCluster = ctx.options.onStop === 'auto' && (await isInCluster(ctx));
  const daemonSet = asksCluster ? new OwnDaemonSet(ctx) : undefined;
  const ended = new AbortController();
  // The node comes up without its answer.
  void daemonSet?.learn(AbortSignal.any([ctx.stop, ended.signal]));
  try {
    return await bringUpAndHold(ctx, sequence, daemonSet);
  } finally {
    // Whoever still waits for an answer would keep the process from ending.
    ended.abort();
    await close();
  }
}

async function bringUpAndHold(ctx: Context, sequence: readonly Phase[], daemonSet: OwnDaemonSet | undefined): Promise<number> {
  const phases = phasesUntil(sequence, ctx.options.until);
  const { begun, timings, error: failedPhase, stopped } = await runPhases(phases, ctx);
  ctx.log.info({ timings }, timingSummary(timings));
  const holders = begun.filter((phase) => phase.hold !== undefined);
  const error = failedPhase ?? (stopped || holders.length === 0 ? undefined : await unmetRequirement(ctx));
  if (error !== undefined) ctx.board.error = { code: error.code, detail: error.detail, remedy: error.remedy };
  if (error !== undefined) await reportCapabilities(ctx, no(`the start failed: ${error.code}`));
  if (error !== undefined || stopped) {
    const undone = await undoPhases(begun, ctx, ctx.options.onStop === 'cleanup' ? 'all' : 'run');
    return error?.exitCode ?? undone[0]?.exitCode ?? exitStatus({ code: undefined, signal: ctx.stop.reason as NodeJS.Signals });
  }
  if (holders.length === 0) {
    await reportCapabilities(ctx, unknown('the programs are not in force yet'));
    ctx.log.info(`ended after phase ${ctx.options.until} as asked by --until; what was done stays, \`node agent.js cleanup\` removes it`);
    return 0;
  }
  await reportCapabilities(ctx, IN_FORCE);
  ctx.log.info('ready: this node is in the mesh');
  const failed = await holdAll(ctx, holders, begun);
  if (ctx.stop.aborted) ctx.log.info(`stopping: ${ctx.stop.reason}`);
  const undone = (await keepsNode(ctx, daemonSet)) ? [] : await undoPhases(begun, ctx, 'all');
  return failed?.exitCode ?? undone[0]?.exitCode ?? 0;
}

/** What --require names and the node lacks now that all is up: only the daemon knows whether its programs route requests. */
async function unmetRequirement(ctx: Context): Promise<KmeshError | undefined> {
  if (ctx.options.require.length === 0) return undefined;
  try {
    checkRequirements(ctx, await capabilitiesOf(ctx, IN_FORCE));
    return undefined;
  } catch (thrown) {
    const error = codedError(ctx, thrown);
    logError(ctx.log, ctx.options.logFormat, error);
    return error;
  }
}

async function holdAll(ctx: Context, holders: readonly Phase[], begun: readonly Phase[]): Promise<KmeshError | undefined> {
  const ended = new AbortController();
  const tended = begun.map((phase) => phase.tend?.(ctx, ended.signal));
  try {
    await Promise.all(holders.map((phase) => phase.hold?.(ctx)));
    return undefined;
  } catch (thrown) {
    const error = codedError(ctx, thrown);
    logError(ctx.log, ctx.options.logFormat, error);
    return error;
  } finally {
    ended.abort();
    await Promise.all(tended);
  }
}

/** What --on-stop decides: whether mounts, programs, maps and the kernel module stay. */
async function keepsNode({ options, log }: Context, daemonSet: OwnDaemonSet | undefined): Promise<boolean> {
  if (options.onStop === 'cleanup' || (options.onStop === 'auto' && daemonSet === undefined)) return false;
  const { keep, why } = (await daemonSet?.verdict()) ?? { keep: true, why: 'as asked by --on-stop=keep' };
  if (keep) log.info(`mounts, programs, maps and kernel module stay and go on steering: ${why}; \`node agent.js cleanup\` removes them`);
  else log.info(`the node leaves the mesh: ${why}`);
  return keep;
}
