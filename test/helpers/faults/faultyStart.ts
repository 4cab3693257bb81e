// SPDX-License-Identifier: Apache-2.0
/** One start on a synthetic node, with every call to the outside seen, and one of them made to go wrong. */
import pino from 'pino';
import { cleanup } from '../../../agent/commands/cleanup.js';
import { run } from '../../../agent/commands/run.js';
import type { Context } from '../../../agent/context.js';
import { asKmeshError } from '../../../agent/errors.js';
import type { Capability } from '../../../agent/probe/capabilities.js';
import type { Phase } from '../../../agent/phase.js';
import { SEQUENCE } from '../../../agent/sequence.js';
import { Board } from '../../../agent/status/board.js';
import { SignalRelay } from '../../../agent/supervisor/signals.js';
import { SUPERVISION_TIMES } from '../../../agent/supervisor/times.js';
import type { Sys } from '../../../agent/sys.js';
import { INSTALLED } from '../machines.js';
import { type Call, type Fault, faultyExec, faultyService, faultySys } from './faults.js';
import { BPFFS, CGROUP2, STATE, type SyntheticNode } from './syntheticNode.js';

interface Line {
  readonly msg: string;
  readonly error?: { readonly code: string };
  readonly capabilities?: readonly Capability[];
  readonly outcome?: string;
}

export interface Outcome {
  readonly exit: number;
  /** Codes of the errors that were logged, in order. */
  readonly codes: readonly string[];
  /** The node was in the mesh. */
  readonly ready: boolean;
  /** Names of capabilities that were off in the last table, with the reason. */
  readonly off: ReadonlyMap<string, string>;
  /** kmesh.ko was in the kernel when the node was in the mesh. */
  readonly moduleThen: boolean;
  readonly undoFailed: boolean;
  /** By --on-stop all stayed as it was. */
  readonly kept: boolean;
}

export type Decide = (call: Call) => Fault | undefined;

/** The phases, each telling when its code runs. */
function watched(enter: (where: string) => void): Phase[] {
  const within = async <T>(where: string, work: () => Promise<T> | T): Promise<T> => {
    enter(where);
    try {
      return await work();
    } finally {
      enter('around the phases');
    }
  };
  return SEQUENCE.map((phase) => ({
    ...phase,
    ...(phase.when === undefined ? {} : { when: (ctx: Context) => within(phase.name, () => phase.when?.(ctx)) }),
    run: (ctx: Context) => within(phase.name, () => phase.run(ctx)),
    ...(phase.hold === undefined ? {} : { hold: (ctx: Context) => within(`${phase.name}: held`, async () => phase.hold?.(ctx)) }),
    ...(phase.tend === undefined ? {} : { tend: (ctx: Context, ended: AbortSignal) => within(`${phase.name}: held`, async () => phase.tend?.(ctx, ended)) }),
    ...(phase.undo === undefined ? {} : { undo: (ctx: Context, scope) => within(`${phase.name}: undone`, async () => phase.undo?.(ctx, scope)) }),
  }));
}

/** Brings the node up, stops it as soon as it is in the mesh. @param onStop as --on-stop */
export async function start(node: SyntheticNode, decide: Decide, onStop: 'cleanup' | 'keep' | 'auto' = 'auto'): Promise<Outcome> {
  const stop = new AbortController();
  const lines: Line[] = [];
  let [where, ready, moduleThen, dies] = ['around the phases', false, false, false];
  const log = pino({ level: 'info' }, {
    write: (text: string) => {
      const line = JSON.parse(text) as Line;
      lines.push(line);
      if (/^ready: /.test(line.msg)) {
        [ready, moduleThen] = [true, node.moduleInUse];
        if (dies) node.daemon?.end({ code: 3, signal: undefined });
        else stop.abort('SIGTERM');
      } else if (/^kmesh-daemon is ready again/.test(line.msg)) stop.abort('SIGTERM');
    },
  });
  const seen = (name: string, about: string): Fault | undefined => {
    const fault = decide({ where, name, about });
    if (fault === 'stop') stop.abort('SIGTERM');
    if (fault === 'dies later') dies = true;
    return fault;
  };
  const ctx = context(node, seen, stop.signal, log, onStop);
  const thrown: string[] = [];
  const exit = await run(ctx, watched((now) => (where = now))).catch((error: unknown) => {
    // As agent/main.ts does.
    const { code, exitCode } = asKmeshError(error);
    thrown.push(code);
    return exitCode;
  });
  const table = lines.filter((line) => line.capabilities !== undefined).at(-1)?.capabilities ?? [];
  return {
    exit,
    ready,
    moduleThen,
    codes: [...lines.flatMap(({ error }) => error?.code ?? []), ...thrown],
    off: new Map(table.filter(({ state }) => state === 'off').map(({ name, reason }) => [name, reason])),
    kept: lines.some(({ msg }) => / stay and go on steering: /.test(msg)),
    undoFailed: lines.some(({ outcome }) => outcome === 'undo failed'),
  };
}

/** `node agent.js cleanup`, with nothing going wrong any more. @returns the exit code */
export function cleanUp(node: SyntheticNode): Promise<number> {
  return cleanup(context(node, () => undefined, new AbortController().signal, pino({ level: 'silent' }), 'auto'));
}

function context(node: SyntheticNode, seen: (name: string, about: string) => Fault | undefined, stop: AbortSignal, log: pino.Logger, onStop: 'cleanup' | 'keep' | 'auto'): Context {
  const sys: Sys = faultySys(node, seen);
  return {
    options: {
      ...{ mode: 'ads', stateDir: STATE, cgroup2Path: CGROUP2, attachCgroup: undefined, bpfFsPath: BPFFS, statusAddress: undefined, statusPort: 15021, metricsPort: 15020 },
      ...{ logLevel: 'info', logFormat: 'json', until: undefined, onStop, restart: 'on-failure', supervision: SUPERVISION_TIMES, require: [], bpfHeader: undefined, kernelHeaders: undefined },
      ...{ manage: undefined, installCni: 'yes', cniFailure: 'allow', cniConfDir: undefined, cniBinDir: undefined },
      ...{ moduleSigningKey: undefined, moduleSigningCert: undefined, module: undefined, bundle: undefined, daemonArgs: [], apiServer: undefined, kubeconfig: undefined },
    },
    root: INSTALLED,
    log,
    sys,
    exec: faultyExec(node, seen),
    startService: faultyService(node, seen),
    stop,
    hurry: new AbortController().signal,
    relay: new SignalRelay(),
    results: {},
    board: new Board(),
  };
}
