// SPDX-License-Identifier: Apache-2.0

/** What asks the agent to stop. SIGHUP: the terminal it was started from is gone; SIGQUIT: what some images name as their stop signal. */
export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * What is passed on. Of the rest, SIGKILL and SIGSTOP cannot be caught; SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV and SIGSYS
 * are faults of the agent itself; SIGCHLD, SIGPIPE, SIGTTIN, SIGTTOU, SIGIO and SIGPROF are told to the agent about its own doings; and
 * Node cannot take real-time signals. SIGUSR1 would open Node's debugger if nobody took it.
 */
export const FORWARDED_SIGNALS = ['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGSTKFLT', 'SIGCONT', 'SIGTSTP', 'SIGURG', 'SIGXCPU', 'SIGXFSZ', 'SIGWINCH', 'SIGPWR'] as const;

/** What means nothing to a process that does not ask for it (signal(7)), and comes often: runtimes in Go send themselves SIGURG, and runc passes it on. */
export const IDLE_SIGNALS: readonly ForwardedSignal[] = ['SIGCONT', 'SIGURG', 'SIGWINCH'];

export type ForwardedSignal = (typeof FORWARDED_SIGNALS)[number];

/** Where signals go that are not for the agent: to nobody while no daemon runs. */
export class SignalRelay {
  receiver: ((signal: ForwardedSignal) => void) | undefined;

  /** @returns false when nobody takes it */
  send(signal: ForwardedSignal): boolean {
    this.receiver?.(signal);
    return this.receiver !== undefined;
  }
}

export interface Signals {
  /** Aborted by the first signal that asks the agent to stop; `reason` is its name. */
  readonly stop: AbortSignal;
  /** Aborted by the second one: graces are over. The undo still goes on to its end, so that nothing is left half done. */
  readonly hurry: AbortSignal;
  readonly relay: SignalRelay;
}

/** Takes every signal that can be taken. As PID 1 the agent would not be ended by any of them without a handler. */
export function takeSignals(told: (signal: ForwardedSignal, passedOn: boolean) => void): Signals {
  const stop = new AbortController();
  const hurry = new AbortController();
  const relay = new SignalRelay();
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (stop.signal.aborted) hurry.abort(signal);
      else stop.abort(signal);
    });
  }
  for (const signal of FORWARDED_SIGNALS) process.on(signal, () => told(signal, relay.send(signal)));
  return { stop: stop.signal, hurry: hurry.signal, relay };
}
