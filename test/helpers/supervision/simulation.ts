// SPDX-License-Identifier: Apache-2.0
// The supervisor in a world where time passes only when nobody has anything left to do, with daemons that live and fail by plan.
import pino from 'pino';
import { ExecError, type Exit, type Service } from '../../../agent/exec.js';
import { Supervisor } from '../../../agent/supervisor/supervisor.js';
import { SUPERVISION_TIMES, type SupervisionTimes } from '../../../agent/supervisor/times.js';
import type { HttpAnswer, Sys } from '../../../agent/sys.js';
import { type LogLine, type TestContext, testContext } from '../agentContext.js';

/** What a daemon answers: `refused`: nobody listens; `deaf`: the question is taken and never answered. */
export type Manner = 'ready' | 'refused' | 'deaf' | { readonly waitsFor: 'configuration' | 'itself'; readonly code?: string; readonly reason: string };

/** How one daemon lives; times in milliseconds since its start. */
export interface Plan {
  readonly manner: (ms: number) => Manner;
  readonly ends?: { readonly ms: number; readonly exit: Exit };
  readonly tail?: readonly string[];
  /** `no`: only SIGKILL ends it; `never`: not even that. */
  readonly obeys?: 'yes' | 'no' | 'never';
}

interface Timer {
  readonly at: number;
  readonly ring: () => void;
}

interface Daemon {
  readonly plan: Plan;
  readonly startedAt: number;
}

const BOOT_ID = '00000000-0000-4000-8000-000000000000';

export class Simulation {
  readonly ctx: TestContext;
  readonly supervisor: Supervisor;
  now = 0;
  lives = 0;
  /** Every line of the log as it is written; nothing here keeps it. */
  onLine: (line: LogLine, now: number) => void = () => {};
  /** Makes records fail, as a full disk does. */
  diskFull = false;
  /** errno of every start from now on. */
  refused: string | undefined;
  readonly #planOf: (life: number) => Plan;
  readonly #timers = new Set<Timer>();
  #daemon: Daemon | undefined;

  /** @param planOf life of each daemon, the first is 1 */
  constructor(planOf: (life: number) => Plan, supervision: Partial<SupervisionTimes> = {}) {
    this.#planOf = planOf;
    const base = testContext('/nowhere', { options: { supervision: { ...SUPERVISION_TIMES, ...supervision } }, sys: this.#sys() });
    const log = pino({ level: 'info', base: null }, { write: (text: string) => this.onLine(JSON.parse(text) as LogLine, this.now) });
    this.ctx = { ...base, log, startService: () => this.#start() };
    this.supervisor = new Supervisor(this.ctx, { file: 'node', args: [], port: 1 });
  }

  /** Lets time pass until `done` or until nothing is left that could happen. */
  async runUntil(done: () => boolean): Promise<void> {
    for (;;) {
      // Whatever can go on without time passing has gone on after this.
      await new Promise((resolve) => setImmediate(resolve));
      if (done()) return;
      const first = [...this.#timers].reduce<Timer | undefined>((soonest, timer) => (soonest === undefined || timer.at < soonest.at ? timer : soonest), undefined);
      if (first === undefined) return;
      this.#timers.delete(first);
      this.now = Math.max(this.now, first.at);
      first.ring();
    }
  }

  /** Nothing is left that could happen by time passing. */
  get idle(): boolean {
    return this.#timers.size === 0;
  }

  /** Has something happen at a time. */
  at(time: number, happens: () => void): void {
    this.#after(time - this.now, happens);
  }

  /** @returns what cancels it */
  #after(ms: number, ring: () => void): () => void {
    const timer = { at: this.now + ms, ring };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const end = (): void => {
        cancel();
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const cancel = this.#after(ms, end);
      signal?.addEventListener('abort', end);
    });
  }

  async #start(): Promise<Service> {
    this.lives += 1;
    const plan = this.#planOf(this.lives);
    const { refused } = this;
    if (refused !== undefined) throw new ExecError({ reason: `could not be started (${refused})`, command: 'node daemon.js', exit: { code: undefined, signal: undefined }, errno: refused, timedOut: false, tail: [] });
    const daemon: Daemon = { plan, startedAt: this.now };
    this.#daemon = daemon;
    let tell: (exit: Exit) => void = () => {};
    let cancel = (): void => {};
    const exited = new Promise<Exit>((resolve) => (tell = resolve));
    const end = (exit: Exit): void => {
      if (this.#daemon !== daemon) return;
      this.#daemon = undefined;
      cancel();
      tell(exit);
    };
    if (plan.ends !== undefined) cancel = this.#after(plan.ends.ms, () => end(plan.ends!.exit));
    const kill = (signal: NodeJS.Signals): void => {
      if (signal === 'SIGKILL' && plan.obeys !== 'never') end({ code: undefined, signal });
      if (signal === 'SIGTERM' && (plan.obeys ?? 'yes') === 'yes') end({ code: 0, signal: undefined });
    };
    return { pid: 1000, exited, tail: () => plan.tail ?? [], kill };
  }

  async #answer(timeoutMs: number): Promise<HttpAnswer | undefined> {
    const daemon = this.#daemon;
    const manner = daemon === undefined ? 'refused' : daemon.plan.manner(this.now - daemon.startedAt);
    if (manner === 'deaf') await this.#sleep(timeoutMs);
    if (manner === 'deaf' || manner === 'refused') return undefined;
    return manner === 'ready' ? { status: 200, body: '{"ready":true}' } : { status: 503, body: JSON.stringify({ ready: false, ...manner }) };
  }

  #sys(): Partial<Sys> {
    const written = async (): Promise<void> => {
      if (this.diskFull) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    };
    return {
      now: () => this.now,
      sleep: (ms, signal) => this.#sleep(ms, signal),
      random: () => 0.5,
      httpGet: (_url, timeoutMs) => this.#answer(timeoutMs),
      readText: async (file) => (file.endsWith('boot_id') ? BOOT_ID : `1 (node) S 1 ${'0 '.repeat(17)}7 0\n`),
      readLink: async () => 'pid:[1]',
      makeFolders: async () => [],
      writeFileAtomically: written,
      writePrivateFile: written,
    };
  }
}
