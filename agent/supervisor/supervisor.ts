// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from '../context.js';
import { describeExit, ExecError, type Exit, exitStatus, type Service } from '../exec.js';
import { EXIT_CODES, type KmeshError } from '../errors.js';
import type { DaemonView } from '../status/board.js';
import { restartDelay, type RestartTimes } from './backoff.js';
import { recordProcesses } from './processes.js';
import { waitUntilReady } from './readiness.js';

/** How to start the daemon. */
export interface DaemonCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly port: number;
}

/** Keeps one daemon running. */
export class Supervisor {
  readonly #ctx: Context;
  readonly #command: DaemonCommand;
  readonly #times: RestartTimes;
  #service: Service | undefined;
  #readyAt: number | undefined;

  constructor(ctx: Context, command: DaemonCommand, times: RestartTimes) {
    this.#ctx = ctx;
    this.#command = command;
    this.#times = times;
  }

  /**
   * Starts the daemon and waits until it is ready, however long the control plane takes.
   *
   * @throws KM_DAEMON_START, or KM_DAEMON_EXITED when it ends before it was ready
   */
  async start(): Promise<void> {
    const { startService } = this.#ctx;
    const service = await startService(this.#command.file, this.#command.args).catch((error: unknown) => {
      if (error instanceof ExecError) throw startFailure(this.#ctx, error);
      throw error;
    });
    this.#service = service;
    this.#ctx.relay.receiver = (signal) => this.#service?.kill(signal);
    this.#show({ state: 'starting', pid: service.pid });
    await recordProcesses(this.#ctx, service.pid);
    const exited = await this.#untilReadyOrExit(service);
    if (this.#ctx.stop.aborted) throw new Error(`stopped by ${this.#ctx.stop.reason} before kmesh-daemon was ready`);
    if (exited !== undefined) throw this.#exitFailure(service, exited, 'before it was ready');
  }

  /**
   * Starts the daemon anew whenever it dies; resolves when the agent is told to stop.
   *
   * @throws KM_DAEMON_EXITED by `--restart never`, or when it keeps dying
   */
  async hold(): Promise<void> {
    const { stop, log, sys, options } = this.#ctx;
    let failures = 0;
    while (this.#service !== undefined && !stop.aborted) {
      const service = this.#service;
      const exit = await exitOrStop(service, stop);
      if (exit === undefined) break;
      const healthy = this.#readyAt !== undefined && sys.now() - this.#readyAt >= this.#times.healthyMs;
      failures = healthy ? 1 : failures + 1;
      if (options.restart === 'never') throw this.#exitFailure(service, exit, 'and --restart is never');
      if (failures >= this.#times.limit) throw this.#exitFailure(service, exit, `${failures} times in a row`);
      this.#show({ state: 'waiting-to-restart', lastEnd: { how: describeExit(exit), tail: service.tail() } });
      const delay = restartDelay(this.#times, failures, sys.random());
      log.warn({ exit, failures, delayMs: delay, tail: service.tail() }, `kmesh-daemon ended (${describeExit(exit)}); it is started again in ${delay} ms`);
      await sys.sleep(delay, stop);
      if (!stop.aborted) await this.#restart();
    }
    await this.stop();
  }

  /** Passes the agent's stop signal on to the daemon's process group; a daemon that does not end in time is killed. */
  async stop(): Promise<void> {
    const { log, sys, stop, hurry, relay } = this.#ctx;
    const service = this.#service;
    this.#service = undefined;
    relay.receiver = undefined;
    this.#show({ state: 'absent' });
    if (service === undefined) return;
    const signal = stop.reason === 'SIGINT' ? 'SIGINT' : 'SIGTERM';
    service.kill(signal);
    // A daemon that was stopped by SIGSTOP has to run to take the signal.
    service.kill('SIGCONT');
    const exited = new AbortController();
    const exit = service.exited.finally(() => exited.abort());
    await Promise.race([exit, sys.sleep(this.#times.graceMs, AbortSignal.any([exited.signal, hurry]))]);
    if (!exited.signal.aborted) {
      log.warn(hurry.aborted ? `told to stop again (${hurry.reason}): kmesh-daemon is killed` : `kmesh-daemon did not end within ${this.#times.graceMs} ms after ${signal}; it is killed`);
      service.kill('SIGKILL');
    }
    log.info({ exit: await exit }, `kmesh-daemon ended (${describeExit(await exit)})`);
  }

  async #restart(): Promise<void> {
    this.#readyAt = undefined;
    const service = await this.#ctx.startService(this.#command.file, this.#command.args).catch((error: unknown) => {
      // No memory or no pids just now: the daemon that is gone stays the current one, and the next turn tries again.
      this.#ctx.log.error({ err: error }, 'kmesh-daemon could not be started');
    });
    if (service === undefined) return;
    this.#service = service;
    this.#show({ state: 'starting', pid: service.pid, restarts: this.#ctx.board.daemon.restarts + 1 });
    await recordProcesses(this.#ctx, service.pid);
    if ((await this.#untilReadyOrExit(service)) === undefined) this.#ctx.log.info('kmesh-daemon is ready again');
  }

  /** undefined: it is ready, or the agent is told to stop. */
  async #untilReadyOrExit(service: Service): Promise<Exit | undefined> {
    const { stop, sys } = this.#ctx;
    const exited = new AbortController();
    const exit = service.exited.then((how) => {
      exited.abort();
      return how;
    });
    const ready = await waitUntilReady(this.#ctx, this.#command.port, AbortSignal.any([exited.signal, stop]));
    if (ready !== undefined) {
      this.#readyAt = sys.now();
      this.#show({ state: 'running', pid: service.pid });
      if (ready.requestPrograms !== undefined) this.#ctx.results.requestPrograms = ready.requestPrograms;
    }
    return exited.signal.aborted ? exit : undefined;
  }

  #show(change: Partial<DaemonView> & Pick<DaemonView, 'state'>): void {
    const { board } = this.#ctx;
    const { pid: _, ...before } = board.daemon;
    board.daemon = { ...before, ...change };
  }

  #exitFailure(service: Service, exit: Exit, when: string): KmeshError {
    this.#service = undefined;
    this.#show({ state: 'absent', lastEnd: { how: describeExit(exit), tail: service.tail() } });
    // An early exit 0 is a failure too, and must not read as success.
    const exitCode = exit.code === 0 ? EXIT_CODES.daemon : exitStatus(exit);
    return failure(this.#ctx, 'KM_DAEMON_EXITED', `kmesh-daemon ended (${describeExit(exit)}) ${when}`, { tail: service.tail(), exitCode });
  }
}

/** A program that is not there ends the agent with 127, one that cannot be run with 126. */
function startFailure(ctx: Context, error: ExecError): KmeshError {
  const { reason, command, errno } = error.failure;
  const exitCode = EXIT_CODES[errno === 'ENOENT' ? 'not found' : 'not executable'];
  return failure(ctx, 'KM_DAEMON_START', `kmesh-daemon: ${reason}: ${command}`, { exitCode, cause: error });
}

/** undefined: the agent was told to stop first. */
async function exitOrStop(service: Service, stop: AbortSignal): Promise<Exit | undefined> {
  let listener: (() => void) | undefined;
  const stopped = new Promise<undefined>((resolve) => {
    listener = () => resolve(undefined);
    if (stop.aborted) resolve(undefined);
    else stop.addEventListener('abort', listener);
  });
  try {
    return await Promise.race([service.exited, stopped]);
  } finally {
    if (listener !== undefined) stop.removeEventListener('abort', listener);
  }
}
