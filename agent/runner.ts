// SPDX-License-Identifier: Apache-2.0
import { codedError } from './coded.js';
import type { Context } from './context.js';
import type { KmeshError } from './errors.js';
import { logError } from './report.js';
import type { Phase, UndoScope } from './phase.js';

export interface PhaseTiming {
  readonly phase: string;
  /** `forgone`: it failed, and the node comes up without what it serves. */
  readonly outcome: 'done' | 'skipped' | 'forgone' | 'failed';
  readonly ms: number;
}

/** What became of a run of phases. */
export interface Progress {
  /** Phases whose `run` was begun, in order: what `undoPhases` takes back. */
  readonly begun: readonly Phase[];
  readonly timings: readonly PhaseTiming[];
  /** Why it ended early. */
  readonly error: KmeshError | undefined;
  /** The agent was told to stop before the last phase was done. */
  readonly stopped: boolean;
}

/**
 * Runs phases in order, one log line each, up to the first that fails or until the agent is told to stop.
 * Never throws: what was begun has to be undone by the caller.
 */
export async function runPhases(phases: readonly Phase[], ctx: Context): Promise<Progress> {
  const begun: Phase[] = [];
  const timings: PhaseTiming[] = [];
  let error: KmeshError | undefined;
  ctx.board.expect(phases);
  for (const [index, phase] of phases.entries()) {
    if (ctx.stop.aborted) break;
    const label = `phase ${phase.name} (${index + 1}/${phases.length})`;
    const started = ctx.sys.now();
    const elapsed = (): number => Math.round(ctx.sys.now() - started);
    try {
      const skipped = await phase.when?.(ctx);
      if (skipped === undefined) {
        ctx.log.debug({ phase: phase.name }, `${label}: started`);
        begun.push(phase);
        ctx.board.phase(phase.name, { state: 'running' });
        await phase.run(ctx);
      }
      const outcome = skipped === undefined ? 'done' : 'skipped';
      timings.push({ phase: phase.name, outcome, ms: elapsed() });
      ctx.board.phase(phase.name, { state: outcome, ms: elapsed(), ...(skipped === undefined ? {} : { reason: skipped.skip }) });
      ctx.log.info({ phase: phase.name, outcome, ms: elapsed() }, `${label}: ${skipped === undefined ? `done, ${elapsed()} ms` : `skipped, ${skipped.skip}`}`);
    } catch (thrown) {
      if (ctx.stop.aborted) {
        timings.push({ phase: phase.name, outcome: 'failed', ms: elapsed() });
        ctx.log.info({ phase: phase.name, outcome: 'stopped', ms: elapsed() }, `${label}: stopped by ${ctx.stop.reason}, ${elapsed()} ms`);
        break;
      }
      const failed = codedError(ctx, thrown);
      const outcome = forgo(phase, ctx, failed) ? 'forgone' : 'failed';
      ctx.board.phase(phase.name, { state: outcome, ms: elapsed(), reason: `${failed.code}: ${failed.detail}` });
      const level = outcome === 'forgone' ? 'warn' : 'error';
      timings.push({ phase: phase.name, outcome, ms: elapsed() });
      ctx.log[level]({ phase: phase.name, outcome, ms: elapsed() }, `${label}: failed, ${elapsed()} ms${outcome === 'forgone' ? `; the node comes up without ${phase.serves}` : ''}`);
      logError(ctx.log, ctx.options.logFormat, failed, level);
      if (outcome === 'forgone') {
        // What it did half way must not stay for as long as the node is up.
        await undoPhases([phase], ctx, 'run');
        continue;
      }
      error = failed;
      break;
    }
  }
  const complete = timings.length === phases.length && timings.every(({ outcome }) => outcome !== 'failed');
  return { begun, timings, error, stopped: ctx.stop.aborted && !complete };
}

/** Whether the node can come up without a phase that failed; keeps the reason for the table of capabilities. */
function forgo({ serves }: Phase, { options, results }: Context, error: KmeshError): boolean {
  if (serves === undefined || options.require.includes(serves)) return false;
  results.forgone = new Map([...(results.forgone ?? []), [serves, error]]);
  return true;
}

/**
 * Undoes phases, the last one first. A failure does not keep the earlier phases from being undone.
 * @returns the failures, in the order in which they happened
 */
export async function undoPhases(begun: readonly Phase[], ctx: Context, scope: UndoScope): Promise<readonly KmeshError[]> {
  const errors: KmeshError[] = [];
  for (const phase of [...begun].reverse()) {
    if (phase.undo === undefined) continue;
    const started = ctx.sys.now();
    try {
      await phase.undo(ctx, scope);
      const ms = Math.round(ctx.sys.now() - started);
      ctx.log.info({ phase: phase.name, outcome: 'undone', ms }, `phase ${phase.name}: undone, ${ms} ms`);
    } catch (thrown) {
      const error = codedError(ctx, thrown);
      errors.push(error);
      ctx.log.error({ phase: phase.name, outcome: 'undo failed' }, `phase ${phase.name}: could not be undone`);
      logError(ctx.log, ctx.options.logFormat, error);
    }
  }
  return errors;
}

/** The phases up to and with `until`; all when it is undefined. */
export function phasesUntil(phases: readonly Phase[], until: string | undefined): readonly Phase[] {
  const last = until === undefined ? phases.length : phases.findIndex((phase) => phase.name === until) + 1;
  return phases.slice(0, last);
}

/** `3 phases in 52 ms: detect-kernel 12, read-helpers 40; skipped: compile-module`. */
export function timingSummary(timings: readonly PhaseTiming[]): string {
  const ran = timings.filter((timing) => timing.outcome !== 'skipped');
  const skipped = timings.filter((timing) => timing.outcome === 'skipped').map((timing) => timing.phase);
  const total = timings.reduce((sum, timing) => sum + timing.ms, 0);
  const each = ran.map((timing) => `${timing.phase} ${timing.ms}`).join(', ');
  const forgone = timings.filter((timing) => timing.outcome === 'forgone').map((timing) => timing.phase);
  const notes = [['failed', forgone], ['skipped', skipped]] as const;
  const rest = notes.filter(([, names]) => names.length > 0).map(([what, names]) => `; ${what}: ${names.join(', ')}`);
  return `${ran.length} phases in ${total} ms: ${each}${rest.join('')}`;
}
