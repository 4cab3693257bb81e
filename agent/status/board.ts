// SPDX-License-Identifier: Apache-2.0
import type { Capability } from '../probe/capabilities.js';

/** Where a phase is. `forgone`: it failed, and the node comes up without what it serves. */
export type PhaseState = 'pending' | 'running' | 'done' | 'skipped' | 'forgone' | 'failed';

export interface PhaseView {
  readonly name: string;
  readonly summary: string;
  readonly state: PhaseState;
  /** Whole milliseconds; missing before it has ended. */
  readonly ms?: number;
  /** Why it was skipped, or its error. */
  readonly reason?: string;
}

export interface DaemonView {
  /** `absent`: not started yet, or ended for good. */
  readonly state: 'absent' | 'starting' | 'running' | 'waiting-to-restart';
  readonly pid?: number;
  /** How often it was started again since the agent's start. */
  readonly restarts: number;
  /** How it ended the last time, and its last lines then. */
  readonly lastEnd?: { readonly how: string; readonly tail: readonly string[] };
}

/** A failure as `/status` shows it. */
export interface ErrorView {
  readonly code: string;
  readonly detail: string;
  readonly remedy: string;
}

/** What the running agent shows of itself. Written as things happen; whoever asks reads what stands there and waits for nothing. */
export class Board {
  readonly #phases = new Map<string, PhaseView>();
  capabilities: readonly Capability[] = [];
  daemon: DaemonView = { state: 'absent', restarts: 0 };
  error: ErrorView | undefined;
  /** The signal that asked the agent to stop. */
  stopping: string | undefined;

  /** Sets what is to come. */
  expect(phases: readonly { readonly name: string; readonly summary: string }[]): void {
    for (const { name, summary } of phases) this.#phases.set(name, { name, summary, state: 'pending' });
  }

  phase(name: string, change: Omit<Partial<PhaseView>, 'name' | 'summary'>): void {
    const before = this.#phases.get(name);
    if (before !== undefined) this.#phases.set(name, { ...before, ...change });
  }

  get phases(): readonly PhaseView[] {
    return [...this.#phases.values()];
  }

  /**
   * Whether the node is up as far as that is in the agent's hands: every phase has ended, or the last one has started the daemon
   * and waits for it. A control plane that is away is no reason to end the container.
   */
  get started(): boolean {
    const phases = this.phases;
    const ended = phases.filter(({ state }) => state !== 'pending' && state !== 'running');
    if (phases.length === 0 || phases.some(({ state }) => state === 'failed')) return false;
    return ended.length === phases.length || (ended.length === phases.length - 1 && this.daemon.state !== 'absent');
  }
}
