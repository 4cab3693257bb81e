// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from '../context.js';
import { durationText } from '../duration.js';
import type { RestartCause } from '../status/transitions.js';
import type { End } from './life.js';
import type { Sight } from './readiness.js';
import type { SupervisionTimes } from './times.js';
import type { Verdict } from './vitality.js';

/** Tells what happens to the daemon: one line of the log, one count, and what /status shows, for each transition. */
export class Journal {
  readonly #ctx: Context;
  #wasReady = false;

  constructor(ctx: Context) {
    this.#ctx = ctx;
  }

  /** @param cause why it was started again; undefined: it is the first one */
  starting(pid: number, cause: RestartCause | undefined): void {
    const { board, log } = this.#ctx;
    if (cause !== undefined) board.restarted(cause);
    board.turn('starting', { pid });
    log.info({ transition: 'starting', pid }, `kmesh-daemon is starting (pid ${pid})`);
  }

  /** Only what is new is told: each reason why it is not ready, and that it is. */
  saw(sight: Sight, sinceStartMs: number): void {
    const { board, log } = this.#ctx;
    const { state, reason } = board.daemon;
    if (sight.kind === 'ready' && state !== 'ready') {
      board.turn('ready');
      const ms = Math.round(sinceStartMs);
      log.info({ transition: 'ready', ms }, this.#wasReady ? 'kmesh-daemon is ready again' : `kmesh-daemon is ready, ${ms} ms after its start`);
      this.#wasReady = true;
    } else if ((sight.kind === 'waiting' || sight.kind === 'failing') && (state !== 'not-ready' || reason !== sight.reason)) {
      const what = { waitingFor: sight.reason };
      if (state === 'ready') log.warn({ transition: 'not-ready', ...what }, `kmesh-daemon is not ready any more: ${sight.reason}`);
      else log.info(state === 'not-ready' ? what : { transition: 'not-ready', ...what }, `kmesh-daemon is not ready yet: ${sight.reason}`);
      if (state === 'not-ready') board.daemon = { ...board.daemon, reason: sight.reason };
      else board.turn('not-ready', { reason: sight.reason });
    }
  }

  hung({ cause, reason }: Verdict, graceMs: number): void {
    const { board, log } = this.#ctx;
    board.turn('hung', { reason });
    log.error({ transition: 'hung', code: 'KM_DAEMON_HUNG', reason }, `KM_DAEMON_HUNG: kmesh-daemon ${cause === 'hung' ? 'hangs' : 'does not get ready'}: ${reason}; it is told to end, and killed after ${durationText(graceMs)}`);
  }

  /** @param failures in a row, this one included */
  failed({ cause, how, exit, tail }: End, failures: number): void {
    const { board, log } = this.#ctx;
    const change = { lastEnd: { how, tail }, failuresInARow: failures };
    // That it hangs was told when it was seen.
    if (cause === 'hung' || cause === 'not-ready') {
      board.daemon = { ...board.daemon, ...change };
      return;
    }
    board.turn('crashed', change);
    const message = cause === 'not-started' ? `kmesh-daemon could not be started: ${how}` : `kmesh-daemon ended (${how})${cause === 'exit-0' ? ', which nobody had asked for' : ''}`;
    log.warn({ transition: 'crashed', cause, exit, failures, tail }, message);
  }

  backingOff(end: End, failures: number, delayMs: number): void {
    const { board, log } = this.#ctx;
    board.turn('backing-off', { delayMs });
    log.warn({ transition: 'backing-off', cause: end.cause, failures, delayMs }, `kmesh-daemon is started again in ${delayMs} ms; failures in a row: ${failures}`);
  }

  crashLoop(end: End, failures: number, { healthyMs }: SupervisionTimes): void {
    const { board, log } = this.#ctx;
    const reason = `kmesh-daemon failed ${failures} times in a row and was not well for ${durationText(healthyMs)} between; the last time: ${end.how}`;
    const { code, remedy } = failure(this.#ctx, 'KM_DAEMON_CRASH_LOOP', reason);
    if (board.daemon.crashLoop !== undefined) {
      board.daemon = { ...board.daemon, crashLoop: { code, reason, remedy } };
      return;
    }
    board.turn('crash-loop-entered', { crashLoop: { code, reason, remedy } });
    log.error({ transition: 'crash-loop-entered', code, remedy, failures, tail: end.tail }, `${code}: ${reason}; the node is not ready, what is in the kernel goes on; remedy: ${remedy}`);
  }

  /** It was well for the healthy time: what was before is forgiven. */
  healthy({ healthyMs }: SupervisionTimes): void {
    const { board, log } = this.#ctx;
    const { crashLoop, ...kept } = board.daemon;
    board.daemon = { ...kept, failuresInARow: 0 };
    if (crashLoop === undefined) return;
    board.turn('crash-loop-left');
    log.info({ transition: 'crash-loop-left' }, `kmesh-daemon was well for ${durationText(healthyMs)}: it is out of its crash loop`);
  }

  stopping(signal: NodeJS.Signals): void {
    this.#ctx.board.turn('stopping');
    this.#ctx.log.info({ transition: 'stopping' }, `kmesh-daemon is told to end (${signal})`);
  }

  stopped(how: string, fields: object = {}): void {
    this.#ctx.board.turn('stopped');
    this.#ctx.log.info({ transition: 'stopped', ...fields }, `kmesh-daemon ended (${how})`);
  }
}
