// SPDX-License-Identifier: Apache-2.0
/** What can go wrong with kmesh-daemon, each played with the default times in simulated time. docs/supervision.md shows what comes of it. */
import { asKmeshError, type KmeshError } from '../../../agent/errors.js';
import type { SupervisionTimes } from '../../../agent/supervisor/times.js';
import type { LogLine } from '../agentContext.js';
import { type Manner, type Plan, Simulation } from './simulation.js';

/** When the fault comes, in milliseconds of a daemon that has been well for so long. */
export const FAULT_AT = 120_000;
/** A good daemon is ready so long after its start. */
const READY_AFTER = 500;
/** Nothing happens any more after so long. */
const PATIENCE = 7_200_000;

export interface Scenario {
  readonly fault: string;
  /** The first daemon unless `first` says otherwise; those that follow are good. */
  readonly plan: Partial<Plan>;
  /** How many daemons have this plan. */
  readonly times?: number;
  /** The fault is there from the first moment, not in a daemon that was well. */
  readonly first?: boolean;
  readonly supervision?: Partial<SupervisionTimes>;
  /** What else happens at FAULT_AT. */
  readonly also?: (simulation: Simulation) => void;
}

export interface Event {
  /** Milliseconds since the fault. */
  readonly ms: number;
  readonly line: LogLine;
}

export interface Outcome {
  readonly scenario: Scenario;
  readonly events: readonly Event[];
  readonly simulation: Simulation;
  /** What ended the agent. */
  readonly error: KmeshError | undefined;
}

const well = (ms: number): Manner => (ms < READY_AFTER ? 'refused' : 'ready');
const GOOD: Plan = { manner: well };
const after = (manner: Manner) => (ms: number) => (ms < FAULT_AT ? well(ms) : manner);
const between = (manner: Manner, lastMs: number) => (ms: number) => (ms < FAULT_AT || ms >= FAULT_AT + lastMs ? well(ms) : manner);
const exit = (code: number): NonNullable<Plan['ends']> => ({ ms: FAULT_AT, exit: { code, signal: undefined } });
const AWAY: Manner = { waitsFor: 'configuration', code: 'KM_XDS_UNREACHABLE', reason: 'nobody answers' };
const FULL: Manner = { waitsFor: 'itself', reason: 'map full' };

export const SCENARIOS: readonly Scenario[] = [
  { fault: 'it ends with code 3', plan: { ends: exit(3) } },
  { fault: 'it ends with code 0, though nobody had asked for it', plan: { ends: exit(0) } },
  { fault: 'SIGKILL ends it (out of memory)', plan: { ends: { ms: FAULT_AT, exit: { code: undefined, signal: 'SIGKILL' } } } },
  { fault: 'it ends with code 3 before the first one was ever ready', first: true, plan: { manner: () => 'refused', ends: { ms: 300, exit: { code: 3, signal: undefined } } } },
  { fault: 'it fails ten times in a row, then it is well', times: 10, first: true, plan: { manner: (ms) => (ms < 100 ? 'refused' : 'ready'), ends: { ms: 200, exit: { code: 3, signal: undefined } } } },
  { fault: 'the same by `--restart-limit 3`', times: 10, first: true, supervision: { restartLimit: 3 }, plan: { manner: (ms) => (ms < 100 ? 'refused' : 'ready'), ends: { ms: 200, exit: { code: 3, signal: undefined } } } },
  { fault: 'SIGSTOP halts it, or its only thread is stuck', plan: { manner: after('deaf') } },
  { fault: 'the same for 20 s', plan: { manner: between('deaf', 20_000) } },
  { fault: 'it is stuck and ignores SIGTERM', plan: { manner: after('deaf'), obeys: 'no' } },
  { fault: 'it is stuck in the kernel, where SIGKILL does not reach it', plan: { manner: after('deaf'), obeys: 'never' } },
  { fault: 'it never answers after its start', first: true, plan: { manner: () => 'refused' } },
  { fault: 'it has its configuration, but is not ready (a map is full)', first: true, plan: { manner: (ms) => (ms < 100 ? 'refused' : FULL) } },
  { fault: 'the control plane goes away for an hour, and the daemon is no longer ready for that', plan: { manner: between(AWAY, 3_600_000) } },
  { fault: 'the control plane is away for an hour from the first start on', first: true, plan: { manner: (ms) => (ms < 100 ? 'refused' : ms < 3_600_000 ? AWAY : 'ready') } },
  { fault: 'it ends, and three starts are refused (no memory, no pids)', times: 4, plan: { ends: exit(3) }, also: refuseStarts },
  { fault: 'it ends while the disk is full', plan: { ends: exit(3) }, also: (simulation) => void (simulation.diskFull = true) },
  { fault: 'agent and daemon are frozen together for an hour (`docker pause`)', plan: {}, also: (simulation) => void (simulation.now += 3_600_000) },
  { fault: 'the agent is told to stop, and the daemon ignores SIGTERM', plan: { obeys: 'no' }, also: ({ ctx }) => ctx.abort() },
];

function refuseStarts(simulation: Simulation): void {
  simulation.refused = 'EAGAIN';
  const { onLine } = simulation;
  let failures = 0;
  simulation.onLine = (line, now) => {
    onLine(line, now);
    if (line['transition'] === 'crashed' && (failures += 1) > 3) simulation.refused = undefined;
  };
}

export async function play(scenario: Scenario): Promise<Outcome> {
  const { plan, first, times = 1, supervision, also } = scenario;
  const simulation = new Simulation((life) => (life <= times ? { ...GOOD, ...plan } : GOOD), supervision);
  const { supervisor, ctx } = simulation;
  const events: Event[] = [];
  const zero = first === true ? 0 : FAULT_AT;
  simulation.onLine = (line, now) => void (now >= zero && events.push({ ms: now - zero, line }));
  let error: KmeshError | undefined;
  if (also !== undefined) simulation.at(FAULT_AT, () => also(simulation));
  const work = supervisor
    .start()
    .then(() => supervisor.hold())
    .catch((thrown: unknown) => void (error = asKmeshError(thrown)));
  await simulation.runUntil(() => simulation.now >= zero + PATIENCE || error !== undefined || ctx.board.daemon.state === 'stopped');
  ctx.abort();
  // A stop of the scenario's own is part of it; this one is not.
  const seen = [...events];
  await simulation.runUntil(() => ['stopped', 'stopping'].includes(ctx.board.daemon.state) && simulation.idle);
  await work;
  return { scenario, events: seen, simulation, error };
}
