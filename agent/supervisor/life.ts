// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import { describeExit, type Exit, type Service } from '../exec.js';
import type { RestartCause } from '../status/transitions.js';
import { endService } from './endService.js';
import { look, type Sight } from './readiness.js';
import type { SupervisionTimes } from './times.js';
import { type Verdict, Vitality } from './vitality.js';

/** How often a daemon is looked at that starts, that takes longer to start, and that is ready; milliseconds. */
const STARTING_MS = 50;
const WAITING_MS = 500;
const READY_MS = 2000;
/** The daemon of a warm start is ready by then; a control plane that is away may take for ever. */
const SLOW_AFTER_MS = 5000;
const ANSWER_MS = 2000;
/** So many looks fit into the shortest limit, each with its wait for an answer. */
const LOOKS = 8;

/** How a daemon failed. */
export interface End {
  readonly cause: RestartCause;
  /** `exit 3`, `killed by SIGKILL`, `hung: ...`. */
  readonly how: string;
  /** undefined: it was never started. */
  readonly exit: Exit | undefined;
  readonly tail: readonly string[];
}

/** Whoever wants to know how a daemon is while it runs. */
export interface Witness {
  /** @param healthy whether it has been well for the healthy time */
  saw(sight: Sight, healthy: boolean): void;
  condemned(verdict: Verdict): void;
}

/** One process of the daemon, from its start to its end. It is looked at all the time, and ended when it hangs. */
export class Life {
  readonly startedAt: number;
  readonly service: Service;
  /** Resolves when it says for the first time that it is ready. */
  readonly ready: Promise<undefined>;
  /** Never rejects. */
  readonly ended: Promise<End>;
  readonly #ctx: Context;
  readonly #over = new AbortController();
  #tellReady: (nothing: undefined) => void = () => {};
  #verdict: Verdict | undefined;

  constructor(ctx: Context, service: Service) {
    this.#ctx = ctx;
    this.service = service;
    this.startedAt = ctx.sys.now();
    this.ready = new Promise((resolve) => (this.#tellReady = resolve));
    this.ended = service.exited.then((exit) => {
      this.#over.abort();
      return endOf(exit, this.#verdict, service.tail());
    });
  }

  /** Looks at the daemon until it has ended or is left alone. */
  async watch(port: number, times: SupervisionTimes, witness: Witness): Promise<void> {
    const { sys } = this.#ctx;
    const vitality = new Vitality(times, this.startedAt);
    const shortest = Math.min(...[times.hangMs, times.readyMs].filter((limit) => limit > 0), LOOKS * ANSWER_MS) / LOOKS;
    while (!this.#over.signal.aborted) {
      const sight = await look(this.#ctx, port, Math.min(ANSWER_MS, shortest));
      if (this.#over.signal.aborted) return;
      this.#verdict = vitality.see(sight, sys.now());
      witness.saw(sight, vitality.healthy);
      if (sight.kind === 'ready') this.#tellReady(undefined);
      if (this.#verdict !== undefined) {
        witness.condemned(this.#verdict);
        await endService(this.#ctx, this.service, 'SIGTERM', times.graceMs);
        return;
      }
      await sys.sleep(Math.min(this.#pause(sight), shortest), this.#over.signal);
    }
  }

  #pause(sight: Sight): number {
    if (sight.kind === 'ready') return READY_MS;
    return this.#ctx.sys.now() - this.startedAt < SLOW_AFTER_MS ? STARTING_MS : WAITING_MS;
  }

  /** From now on its end is somebody else's work. */
  leave(): void {
    this.#over.abort();
  }
}

function endOf(exit: Exit, verdict: Verdict | undefined, tail: readonly string[]): End {
  if (verdict !== undefined) return { cause: verdict.cause, how: `${verdict.cause === 'hung' ? 'hung' : 'not ready'}: ${verdict.reason}`, exit, tail };
  const cause = exit.signal !== undefined ? 'signal' : exit.code === 0 ? 'exit-0' : 'exit';
  return { cause, how: describeExit(exit), exit, tail };
}
