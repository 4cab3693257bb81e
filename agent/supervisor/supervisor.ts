// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from '../context.js';
import { describeExit, ExecError, exitStatus } from '../exec.js';
import { EXIT_CODES, type KmeshError } from '../errors.js';
import type { RestartCause } from '../status/transitions.js';
import { restartDelay } from './backoff.js';
import { endService } from './endService.js';
import { Journal } from './journal.js';
import { type End, Life } from './life.js';
import { recordProcesses } from './processes.js';
import { type Sight, take } from './readiness.js';
import type { SupervisionTimes } from './times.js';

/** How to start the daemon. */
export interface DaemonCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly port: number;
}

/** Keeps one daemon running: what ends without being asked, or hangs, is started again. */
export class Supervisor {
  readonly #ctx: Context;
  readonly #command: DaemonCommand;
  readonly #times: SupervisionTimes;
  readonly #journal: Journal;
  #life: Life | undefined;
  /** In a row, without a healthy time between them. */
  #failures = 0;

  constructor(ctx: Context, command: DaemonCommand) {
    this.#ctx = ctx;
    this.#command = command;
    this.#times = ctx.options.supervision;
    this.#journal = new Journal(ctx);
    // Once for all daemons: thousands of listeners would gather on a signal that lives as long as the agent.
    ctx.stop.addEventListener('abort', () => this.#life?.leave(), { once: true });
  }

  /**
   * Starts the daemon and waits until it is ready, however long the control plane takes. One that hangs is started again.
   *
   * @throws KM_DAEMON_START, or KM_DAEMON_EXITED when it ends before it was ready: its code says what is wrong with this node
   */
  async start(): Promise<void> {
    const { stop } = this.#ctx;
    let life = await this.#begin(undefined).catch((error: unknown) => {
      if (error instanceof ExecError) throw startFailure(this.#ctx, error);
      throw error;
    });
    for (;;) {
      const end = await untilStop(stop, [life.ready, life.ended]);
      if (stop.aborted) throw new Error(`stopped by ${stop.reason} before kmesh-daemon was ready`);
      if (end === undefined) return;
      if (!isHang(end)) throw this.#givenUp(end, 'before it was ready');
      const next = await this.#again(end);
      if (next !== undefined) life = next;
    }
  }

  /**
   * Starts the daemon anew whenever it fails; resolves when the agent is told to stop.
   *
   * @throws KM_DAEMON_EXITED or KM_DAEMON_HUNG by `--restart never`, or at the restart limit
   */
  async hold(): Promise<void> {
    const { stop } = this.#ctx;
    for (let life = this.#life; life !== undefined && !stop.aborted; ) {
      const end = await untilStop(stop, [life.ended]);
      if (end !== undefined && !stop.aborted) life = await this.#again(end);
    }
    await this.stop();
  }

  /** Passes the agent's stop signal on to the daemon's process group; a daemon that does not end in time is killed. */
  async stop(): Promise<void> {
    const { stop, relay, board } = this.#ctx;
    const life = this.#life;
    this.#life = undefined;
    relay.receiver = undefined;
    if (life === undefined) {
      if (board.daemon.state === 'backing-off') this.#journal.stopped('it was not started again');
      return;
    }
    life.leave();
    const signal = stop.reason === 'SIGINT' ? 'SIGINT' : 'SIGTERM';
    this.#journal.stopping(signal);
    const exit = await endService(this.#ctx, life.service, signal, this.#times.graceMs);
    if (exit !== undefined) this.#journal.stopped(describeExit(exit), { exit });
  }

  /** After a failure: waits, and starts it again, as often as it takes. @returns undefined: the agent was told to stop */
  async #again(failed: End): Promise<Life | undefined> {
    const { stop, sys, options } = this.#ctx;
    for (let end = failed; !stop.aborted; ) {
      this.#life = undefined;
      this.#failures += 1;
      this.#journal.failed(end, this.#failures);
      if (options.restart === 'never') throw this.#givenUp(end, 'and --restart is never');
      if (this.#times.restartLimit > 0 && this.#failures >= this.#times.restartLimit) throw this.#givenUp(end, `${this.#failures} times in a row`);
      if (this.#failures >= this.#times.crashLoop) this.#journal.crashLoop(end, this.#failures, this.#times);
      const delayMs = restartDelay(this.#times, this.#failures, sys.random());
      this.#journal.backingOff(end, this.#failures, delayMs);
      await sys.sleep(delayMs, stop);
      if (stop.aborted) return undefined;
      try {
        return await this.#begin(end.cause);
      } catch (error) {
        // No memory or no pids just now.
        if (!(error instanceof ExecError)) throw error;
        end = { cause: 'not-started', how: error.failure.reason, exit: undefined, tail: [] };
      }
    }
    return undefined;
  }

  /** @throws ExecError when it cannot be started, KM_STATE_DIR when the first one cannot be put on record */
  async #begin(cause: RestartCause | undefined): Promise<Life> {
    const { relay, startService, log } = this.#ctx;
    const service = await startService(this.#command.file, this.#command.args);
    const life = new Life(this.#ctx, service);
    this.#life = life;
    relay.receiver = (signal) => service.kill(signal);
    this.#journal.starting(service.pid, cause);
    await recordProcesses(this.#ctx, service.pid).catch((error: unknown) => {
      if (cause === undefined) throw error;
      // A full disk is no reason to end what steers; only an agent that follows a crash of this one needs the record.
      log.warn({ err: error }, `the pid of kmesh-daemon could not be put on record: ${(error as Error).message}`);
    });
    void life.watch(this.#command.port, this.#times, {
      saw: (sight, healthy) => this.#saw(life, sight, healthy),
      condemned: (verdict) => this.#journal.hung(verdict, this.#times.graceMs),
    });
    return life;
  }

  #saw(life: Life, sight: Sight, healthy: boolean): void {
    const { sys, results } = this.#ctx;
    this.#journal.saw(sight, sys.now() - life.startedAt);
    if (sight.kind === 'ready') take(results, sight.told);
    if (!healthy || this.#failures === 0) return;
    this.#failures = 0;
    this.#journal.healthy(this.#times);
  }

  #givenUp(end: End, when: string): KmeshError {
    this.#life = undefined;
    this.#ctx.relay.receiver = undefined;
    const { how, exit, tail } = end;
    this.#ctx.board.daemon = { ...this.#ctx.board.daemon, lastEnd: { how, tail } };
    this.#journal.stopped(how, { exit });
    if (isHang(end)) return failure(this.#ctx, 'KM_DAEMON_HUNG', `kmesh-daemon hung (${how}) ${when}`, { tail });
    // An early exit 0 is a failure too, and must not read as success.
    const exitCode = exit === undefined || exit.code === 0 ? EXIT_CODES.daemon : exitStatus(exit);
    return failure(this.#ctx, 'KM_DAEMON_EXITED', `kmesh-daemon ended (${how}) ${when}`, { tail, exitCode });
  }
}

/** It ran until the agent ended it. */
const isHang = ({ cause }: End): boolean => cause === 'hung' || cause === 'not-ready';

/** A program that is not there ends the agent with 127, one that cannot be run with 126. */
function startFailure(ctx: Context, error: ExecError): KmeshError {
  const { reason, command, errno } = error.failure;
  const exitCode = EXIT_CODES[errno === 'ENOENT' ? 'not found' : 'not executable'];
  return failure(ctx, 'KM_DAEMON_START', `kmesh-daemon: ${reason}: ${command}`, { exitCode, cause: error });
}

/** What comes first of `awaited`; undefined: the agent was told to stop before. */
async function untilStop<T>(stop: AbortSignal, awaited: readonly Promise<T>[]): Promise<T | undefined> {
  let listener: (() => void) | undefined;
  const stopped = new Promise<undefined>((resolve) => {
    listener = () => resolve(undefined);
    if (stop.aborted) resolve(undefined);
    else stop.addEventListener('abort', listener);
  });
  try {
    return await Promise.race([...awaited, stopped]);
  } finally {
    if (listener !== undefined) stop.removeEventListener('abort', listener);
  }
}
