// SPDX-License-Identifier: Apache-2.0

/** What asks the agent to stop. SIGHUP: the terminal it was started from is gone. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Aborted by the first signal that asks the agent to stop; `reason` is its name. Later ones are ignored, so that
 * an undo is not cut short. As PID 1 the agent would not be ended by any of them without a handler.
 */
export function stopOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const signal of STOP_SIGNALS) process.on(signal, () => controller.abort(signal));
  return controller.signal;
}
