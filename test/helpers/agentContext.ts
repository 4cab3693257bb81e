// SPDX-License-Identifier: Apache-2.0
// A context for phases: options of a test, the real world unless a test puts something in its place, and a log
// that is kept in memory.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { RUN_DIR } from '../../agent/cni/places.js';
import type { Context } from '../../agent/context.js';
import { exec, startService } from '../../agent/exec.js';
import type { AgentOptions } from '../../agent/options.js';
import type { Results } from '../../agent/results.js';
import { Board } from '../../agent/status/board.js';
import { SignalRelay } from '../../agent/supervisor/signals.js';
import { SUPERVISION_TIMES } from '../../agent/supervisor/times.js';
import { type Sys, sys } from '../../agent/sys.js';

export const projectRoot = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface TestContext extends Context {
  readonly lines: readonly LogLine[];
  /** Tells the agent to stop, as a signal would. */
  readonly abort: (signal?: NodeJS.Signals) => void;
  /** Tells it again. */
  readonly abortAgain: (signal?: NodeJS.Signals) => void;
}

interface Given {
  readonly options?: Partial<AgentOptions>;
  readonly sys?: Partial<Sys>;
  readonly exec?: Context['exec'];
  readonly root?: string;
  readonly results?: Partial<Results>;
}

interface Teardown {
  teardown(work: () => unknown): void;
}

/** A folder that goes with the test. */
export function temporaryFolder(t: Teardown): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'kmesh-agent-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** @param folder holds the state folder and the mount points */
export function testContext(folder: string, given: Given = {}): TestContext {
  const lines: LogLine[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) });
  const stop = new AbortController();
  const hurry = new AbortController();
  const options: AgentOptions = {
    mode: 'ads',
    stateDir: path.join(folder, 'state'),
    cgroup2Path: path.join(folder, 'cgroup2'),
    attachCgroup: undefined,
    bpfFsPath: path.join(folder, 'bpf'),
    statusAddress: '127.0.0.1',
    statusPort: 0,
    metricsPort: 0,
    logLevel: 'trace',
    logFormat: 'json',
    until: undefined,
    onStop: 'auto',
    apiServer: undefined,
    kubeconfig: undefined,
    manage: undefined,
    installCni: 'auto',
    cniFailure: 'allow',
    cniConfDir: path.join(folder, 'net.d'),
    cniBinDir: path.join(folder, 'bin'),
    restart: 'on-failure',
    supervision: SUPERVISION_TIMES,
    require: [],
    bpfHeader: undefined,
    kernelHeaders: undefined,
    moduleSigningKey: undefined,
    moduleSigningCert: undefined,
    module: undefined,
    bundle: undefined,
    daemonArgs: [],
    ...given.options,
  };
  return {
    options,
    root: given.root ?? projectRoot,
    log,
    sys: sparingRunDir({ ...sys, ...given.sys }),
    exec: given.exec ?? exec,
    startService,
    stop: stop.signal,
    hurry: hurry.signal,
    relay: new SignalRelay(),
    results: { ...given.results },
    board: new Board(),
    lines,
    abort: (signal = 'SIGTERM') => stop.abort(signal),
    abortAgain: (signal = 'SIGTERM') => hurry.abort(signal),
  };
}

/** The folder of kmesh-cni has one place on a machine: a test must not take it from an agent that runs here, nor from a cluster. */
function sparingRunDir(real: Sys): Sys {
  const isThere = (file: string): boolean => file === RUN_DIR || file.startsWith(`${RUN_DIR}/`);
  return {
    ...real,
    makeFolders: async (folder) => (isThere(folder) ? [] : real.makeFolders(folder)),
    removeTree: async (target) => (isThere(target) ? undefined : real.removeTree(target)),
    removeEmptyFolder: async (folder) => !isThere(folder) && real.removeEmptyFolder(folder),
  };
}

/** An error as the file system throws it. */
export function errno(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}
