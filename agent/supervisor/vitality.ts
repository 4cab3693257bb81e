// SPDX-License-Identifier: Apache-2.0
import { durationText } from '../duration.js';
import type { Sight } from './readiness.js';
import type { SupervisionTimes } from './times.js';

/** Why a daemon that runs is started anew. */
export interface Verdict {
  readonly cause: 'hung' | 'not-ready';
  readonly reason: string;
}

/**
 * No look counts for more than this part of a limit: a pause of the agent itself (a frozen container, a machine that slept) is not
 * held against the daemon, which was paused, too.
 */
const PART = 1 / 4;

/** How one daemon is, by what was seen of it. A daemon that only waits for its control plane is well. */
export class Vitality {
  readonly #times: SupervisionTimes;
  #lookedAt: number;
  #answered = false;
  #silentMs = 0;
  #failingMs = 0;
  #wellMs = 0;
  #well = false;

  /** @param startedAt monotonic milliseconds, as all times here */
  constructor(times: SupervisionTimes, startedAt: number) {
    this.#times = times;
    this.#lookedAt = startedAt;
  }

  /** Takes what was seen. @returns why the daemon has to be started anew; undefined: it need not */
  see(sight: Sight, now: number): Verdict | undefined {
    const passed = now - this.#lookedAt;
    this.#lookedAt = now;
    const more = (limit: number): number => Math.min(passed, limit * PART);
    const { hangMs, readyMs, healthyMs } = this.#times;
    this.#well = sight.kind === 'ready' || sight.kind === 'waiting';
    if (sight.kind === 'silent') {
      const limit = this.#answered ? hangMs : readyMs;
      this.#silentMs += more(limit);
      if (limit === 0 || this.#silentMs < limit) return undefined;
      return { cause: 'hung', reason: `it has not answered for ${durationText(limit)}${this.#answered ? '' : ' since its start'}` };
    }
    this.#answered = true;
    this.#silentMs = 0;
    this.#failingMs = sight.kind === 'failing' ? this.#failingMs + more(readyMs) : 0;
    this.#wellMs = sight.kind === 'failing' ? 0 : this.#wellMs + more(healthyMs);
    if (sight.kind !== 'failing' || readyMs === 0 || this.#failingMs < readyMs) return undefined;
    return { cause: 'not-ready', reason: `it has not been ready for ${durationText(readyMs)}: ${sight.reason}` };
  }

  /** Whether it is well now and has been for the healthy time. */
  get healthy(): boolean {
    return this.#well && this.#wellMs >= this.#times.healthyMs;
  }
}
