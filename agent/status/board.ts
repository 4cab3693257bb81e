// SPDX-License-Identifier: Apache-2.0
import type { Capability } from '../probe/capabilities.js';
import { type DaemonState, RESTART_CAUSE_NAMES, type RestartCause, stateAfter, type Transition, TRANSITION_NAMES } from './transitions.js';

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

/** Failures of the daemon in a row that were too many. */
export interface CrashLoopView {
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;
}

export interface DaemonView {
  readonly state: DaemonState;
  /** Of the process that runs. */
  readonly pid?: number;
  /** Why it is not ready, or counts as hung. */
  readonly reason?: string;
  /** How long the wait is until it is started again, from its beginning. */
  readonly delayMs?: number;
  /** How often it was started again since the agent's start. */
  readonly restarts: number;
  readonly restartsByCause: Readonly<Record<RestartCause, number>>;
  /** Failures without a healthy time between them. */
  readonly failuresInARow: number;
  readonly transitions: Readonly<Record<Transition, number>>;
  /** There as long as the loop lasts. */
  readonly crashLoop?: CrashLoopView;
  /** How it ended the last time, and its last lines then. */
  readonly lastEnd?: { readonly how: string; readonly tail: readonly string[] };
}

const zeros = <Name extends string>(names: readonly Name[]): Record<Name, number> => Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;

/** A daemon that was not started yet. */
export const noDaemon = (): DaemonView => ({ state: 'absent', restarts: 0, restartsByCause: zeros(RESTART_CAUSE_NAMES), failuresInARow: 0, transitions: zeros(TRANSITION_NAMES) });

/** A failure as `/status` shows it. */
export interface ErrorView {
  readonly code: string;
  readonly detail: string;
  readonly remedy: string;
}

/** No process runs. */
const GONE: ReadonlySet<DaemonState> = new Set<DaemonState>(['absent', 'crashed', 'backing-off', 'stopped']);

/** What the running agent shows of itself. Written as things happen; whoever asks reads what stands there and waits for nothing. */
export class Board {
  readonly #phases = new Map<string, PhaseView>();
  capabilities: readonly Capability[] = [];
  daemon: DaemonView = noDaemon();
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

  /** Counts a transition of the daemon. Its pid, reason and wait are those of its state, so that each lasts only as long. */
  turn(transition: Transition, change: Partial<DaemonView> = {}): void {
    const { pid, reason: _, delayMs: __, ...kept } = this.daemon;
    const transitions = { ...kept.transitions, [transition]: kept.transitions[transition] + 1 };
    const state = stateAfter(transition);
    if (state === undefined) this.daemon = { ...this.daemon, transitions, ...change };
    else this.daemon = { ...kept, ...(pid === undefined || GONE.has(state) ? {} : { pid }), transitions, state, ...change };
  }

  /** Counts that the daemon was started again. */
  restarted(cause: RestartCause): void {
    const { restarts, restartsByCause } = this.daemon;
    this.daemon = { ...this.daemon, restarts: restarts + 1, restartsByCause: { ...restartsByCause, [cause]: restartsByCause[cause] + 1 } };
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
    return ended.length === phases.length || (ended.length === phases.length - 1 && !GONE.has(this.daemon.state));
  }
}
