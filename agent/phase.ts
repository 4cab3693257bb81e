// SPDX-License-Identifier: Apache-2.0
import type { Context } from './context.js';
import type { CapabilityName } from './probe/capabilities.js';

/** Why a phase does nothing this time. */
export interface Skip {
  readonly skip: string;
}

/**
 * What an undo covers. `run`: the start failed, and only what this run changed is taken back, so that what an
 * earlier run left working goes on. `all`: the node leaves the mesh, and everything that is ours goes.
 */
export type UndoScope = 'run' | 'all';

/** One step of bringing the node up. */
export interface Phase {
  readonly name: string;
  /** What it does, for the help text; no full stop. */
  readonly summary: string;
  /** The one capability that needs this phase: the node comes up without it when the phase fails, unless --require names it. */
  readonly serves?: CapabilityName;
  /** Asked before `run`; an answer skips the phase. */
  when?(ctx: Context): Promise<Skip | undefined> | Skip | undefined;
  /** What `run` would do and why, found out without changing anything; for the command `plan`. */
  plan(ctx: Context): Promise<readonly string[]>;
  run(ctx: Context): Promise<void>;
  /** For a phase that starts something that stays: resolves when it has ended or was told to. */
  hold?(ctx: Context): Promise<void>;
  /** Goes on beside what holds the node up: resolves soon after `ended` is aborted, and never rejects. */
  tend?(ctx: Context, ended: AbortSignal): Promise<void>;
  /** Called when `run` was begun, also when it failed half way; must find out for itself what there is to undo. */
  undo?(ctx: Context, scope: UndoScope): Promise<void>;
}
