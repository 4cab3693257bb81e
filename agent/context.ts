// SPDX-License-Identifier: Apache-2.0
import { type ErrorCode, KmeshError, type KmeshErrorOptions, NEUTRAL_HINTS } from './errors.js';
import type { Exec, StartService } from './exec.js';
import type { Logger } from './log.js';
import type { AgentOptions } from './options.js';
import type { Results } from './results.js';
import type { Board } from './status/board.js';
import type { SignalRelay } from './supervisor/signals.js';
import type { Sys } from './sys.js';

/** Everything a phase may use. The world is only reached through `sys`, `exec` and `startService`. */
export interface Context {
  readonly options: AgentOptions;
  /** Install folder: holds agent.js, daemon.js, bpf/ and config/. */
  readonly root: string;
  readonly log: Logger;
  readonly sys: Sys;
  readonly exec: Exec;
  readonly startService: StartService;
  /** Aborted when the agent is told to stop; `reason` is the name of the signal. */
  readonly stop: AbortSignal;
  /** Aborted when the agent is told so again: it waits for nothing that it can cut short. */
  readonly hurry: AbortSignal;
  /** Takes signals that are not for the agent. */
  readonly relay: SignalRelay;
  readonly results: Partial<Results>;
  /** What the agent shows of itself while it runs. */
  readonly board: Board;
}

/** A result that no phase has left. */
export class MissingResult extends Error {
  override readonly name = 'MissingResult';
}

/** A result of an earlier phase. Its absence is a mistake in the order of the phases, or a phase before failed (`doctor` goes on then). */
export function need<Key extends keyof Results>(ctx: Context, key: Key): Results[Key] {
  const value: Results[Key] | undefined = ctx.results[key];
  if (value === undefined) throw new MissingResult(`no phase has left '${key}' yet`);
  return value;
}

/** A coded error whose remedy speaks of the packages of this distribution. */
export function failure(ctx: Context, code: ErrorCode, detail: string, options: KmeshErrorOptions = {}): KmeshError {
  return new KmeshError(code, detail, { hints: ctx.results.hints ?? NEUTRAL_HINTS, ...options });
}
