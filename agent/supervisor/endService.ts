// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import type { Exit, Service } from '../exec.js';

/** SIGKILL works at once, but for a process that hangs in the kernel. */
export const KILL_MS = 5000;

/**
 * Ends the daemon's whole process group: the signal, a grace, SIGKILL. The second signal that the agent itself gets ends the grace.
 *
 * @returns how it ended; undefined: it did not even by SIGKILL, since it hangs in the kernel
 */
export async function endService(ctx: Context, service: Service, signal: NodeJS.Signals, graceMs: number): Promise<Exit | undefined> {
  const { log, hurry } = ctx;
  service.kill(signal);
  // A daemon that was stopped by SIGSTOP has to run to take the signal.
  service.kill('SIGCONT');
  const exit = await within(ctx, service.exited, graceMs, hurry);
  if (exit !== undefined) return exit;
  log.warn(hurry.aborted ? `told to stop again (${hurry.reason}): kmesh-daemon is killed` : `kmesh-daemon did not end within ${graceMs} ms after ${signal}; it is killed`);
  service.kill('SIGKILL');
  const killed = await within(ctx, service.exited, KILL_MS);
  if (killed === undefined) log.error({ pid: service.pid }, `kmesh-daemon with pid ${service.pid} does not end by SIGKILL: it hangs in the kernel (see /proc/${service.pid}/stack)`);
  return killed;
}

/** What comes within a time, unless `cut` is aborted. Leaves no listener behind on `cut`, which lives as long as the agent. */
async function within<T>({ sys }: Context, awaited: Promise<T>, ms: number, cut?: AbortSignal): Promise<T | undefined> {
  const over = new AbortController();
  const end = (): void => over.abort();
  if (cut?.aborted === true) end();
  cut?.addEventListener('abort', end);
  try {
    return await Promise.race([awaited, sys.sleep(ms, over.signal).then(() => undefined)]);
  } finally {
    end();
    cut?.removeEventListener('abort', end);
  }
}
