// SPDX-License-Identifier: Apache-2.0

/** Where kmesh-daemon is. `absent`: it was not started yet. */
export const DAEMON_STATES = ['absent', 'starting', 'ready', 'not-ready', 'crashed', 'hung', 'backing-off', 'stopping', 'stopped'] as const;

export type DaemonState = (typeof DAEMON_STATES)[number];

/** What happens to kmesh-daemon; each is one line of the log and counted. */
export const TRANSITIONS = {
  starting: 'a process was started',
  ready: 'it said that it is ready',
  'not-ready': 'it answers and is not ready: it waits for its control plane, or says what is wrong',
  crashed: 'it ended and nobody had asked for it, or could not be started; exit 0 counts, too',
  hung: 'it did not answer for too long, or was not ready for too long by its own fault; it is ended',
  'backing-off': 'it is started again after a wait',
  'crash-loop-entered': 'it failed too often in a row; the node is not ready',
  'crash-loop-left': 'it was well for the healthy time',
  stopping: 'it was told to end',
  stopped: 'it has ended, and is not started again',
} as const;

export type Transition = keyof typeof TRANSITIONS;

export const TRANSITION_NAMES = Object.keys(TRANSITIONS) as readonly Transition[];

/** Why kmesh-daemon was started again. */
export const RESTART_CAUSES = {
  exit: 'it ended with a code other than 0',
  'exit-0': 'it ended with 0, though nobody had asked for it',
  signal: 'a signal killed it',
  hung: 'it did not answer',
  'not-ready': 'it was not ready for too long by its own fault',
  'not-started': 'it could not be started',
} as const;

export type RestartCause = keyof typeof RESTART_CAUSES;

export const RESTART_CAUSE_NAMES = Object.keys(RESTART_CAUSES) as readonly RestartCause[];

/** The state that a transition leads to; undefined: it stays. */
export function stateAfter(transition: Transition): DaemonState | undefined {
  return transition === 'crash-loop-entered' || transition === 'crash-loop-left' ? undefined : transition;
}
