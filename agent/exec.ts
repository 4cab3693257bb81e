// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { execa, type ResultPromise } from 'execa';
import { rememberChild } from './children.js';
import { TailBuffer } from './tail.js';

/** How long a process group may take to end after SIGTERM before it is killed, in milliseconds. */
const KILL_AFTER_MS = 2000;

/** How long the last lines of a service that has ended may take to arrive, in milliseconds. */
const LAST_LINES_MS = 500;

/** Output beyond this is not kept for the caller; tools that are asked a question answer in a few lines. */
export const MAX_OUTPUT_CHARS = 1 << 20;

/** What tools say of a full disk or a killed compiler is recognised by its words. Both: the kernel's Makefile takes LC_ALL from what it starts. */
const ENGLISH = { LC_ALL: 'C', LC_MESSAGES: 'C' } as const;

/** A line longer than this is taken in pieces, so that output without line ends stays bounded. */
const MAX_LINE_CHARS = 1 << 16;

export interface ExecOptions {
  readonly timeoutMs: number;
  /** Ends the tool and all of its descendants when aborted. */
  readonly signal?: AbortSignal | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Called with each line of standard output and standard error, for the log. */
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface ExecResult {
  readonly stdout: string;
  /** Last lines of standard error and output, in the order in which they came. */
  readonly tail: readonly string[];
}

/** Runs a program and waits for it. No shell sees the arguments. @throws ExecError */
export type Exec = (file: string, args: readonly string[], options: ExecOptions) => Promise<ExecResult>;

/** How a program ended. */
export interface Exit {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** A program that goes on beside the agent, in a process group of its own. */
export interface Service {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Last lines of its output and standard error, in the order in which they came. */
  readonly tail: () => readonly string[];
  /** Sends `signal` to the whole group; a group that is gone is no error. */
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** Starts a program and does not wait for its end. @throws ExecError when it cannot be started. */
export type StartService = (file: string, args: readonly string[]) => Promise<Service>;

export interface ExecFailure {
  /** What ended the program: 'exit 2', 'killed by SIGKILL', 'no such program', ... */
  readonly reason: string;
  readonly command: string;
  readonly exit: Exit;
  /** errno name when it could not be started, for example ENOENT. */
  readonly errno?: string | undefined;
  readonly timedOut: boolean;
  readonly tail: readonly string[];
}

/** A program that could not be started or did not end well. The cause comes first, then the command, then the tail. */
export class ExecError extends Error {
  override readonly name = 'ExecError';
  readonly failure: ExecFailure;

  constructor(failure: ExecFailure, options?: ErrorOptions) {
    super([`${failure.reason}: ${failure.command}`, ...failure.tail].join('\n'), options);
    this.failure = failure;
  }
}

export const exec: Exec = async (file, args, options) => {
  const tail = new TailBuffer();
  let stdout = '';
  const child = start(file, args, { env: { ...ENGLISH, ...options.env } });
  if (child.pid !== undefined) offerFirst(child.pid);
  const onLine = (line: string): void => {
    tail.push(line);
    options.onLine?.(line);
  };
  const readers = [
    eachLine(child.stdout, (line) => {
      if (stdout.length + line.length < MAX_OUTPUT_CHARS) stdout += `${line}\n`;
      onLine(line);
    }),
    eachLine(child.stderr, onLine),
  ];
  const guard = guardGroup(child, options);
  try {
    const result = await child;
    await Promise.all(readers);
    if (result.failed || guard.timedOut()) throw failure(file, args, result, guard.timedOut(), options.timeoutMs, tail.lines());
    return { stdout, tail: tail.lines() };
  } finally {
    guard.release();
  }
};

export const startService: StartService = async (file, args) => {
  const tail = new TailBuffer();
  const child = start(file, args);
  // Its last lines are those of its log, which goes to standard output. Whole lines, so that they do not mix with the agent's own.
  const readers = [child.stdout, child.stderr].map((stream, index) =>
    eachLine(stream, (line) => {
      tail.push(line);
      (index === 0 ? process.stdout : process.stderr).write(`${line}\n`);
    }),
  );
  if (child.pid === undefined) throw failure(file, args, await child, false, 0, []);
  const { pid } = child;
  let gone = false;
  const exited = new Promise<Exit>((resolve) => {
    // Not the end of `child`: that would wait for whoever holds its pipes.
    child.once('exit', (code: number | null, signal: NodeJS.Signals | null) => resolve({ code: code ?? undefined, signal: signal ?? undefined }));
  }).then(async (exit) => {
    // A descendant that outlived its parent belongs to nobody: it ends with the group. Its number may come again from now on.
    killGroup(pid, 'SIGKILL');
    gone = true;
    // One that left the group may hold the pipes for ever; nobody waits for it.
    const cut = setTimeout(() => [child.stdout, child.stderr].forEach((stream) => stream.destroy()), LAST_LINES_MS);
    await Promise.all(readers);
    clearTimeout(cut);
    return exit;
  });
  return { pid, exited, tail: () => tail.lines(), kill: (signal) => void (gone || killGroup(pid, signal)) };
};

type Child = ResultPromise<{ reject: false; buffer: false; stdin: 'ignore'; stdout: 'pipe'; stderr: 'pipe' }>;
type Result = Awaited<Child>;

function start(file: string, args: readonly string[], how: { env?: Readonly<Record<string, string>> | undefined } = {}): Child {
  const child = execa(file, [...args], {
    reject: false,
    buffer: false,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    detached: true,
    cleanup: false,
    extendEnv: true,
    ...(how.env === undefined ? {} : { env: { ...how.env } }),
    // The agent's own real group id (agent/identity.ts) is not for its children.
    ...(process.geteuid?.() === 0 ? { gid: 0 } : {}),
  }) as Child;
  if (child.pid !== undefined) child.once('exit', rememberChild(child.pid));
  return child;
}

/**
 * Where memory runs out, the tool and what it starts are killed, and not the agent, whose end would be that of the container, without a word. proc(5):
 * oom_score_adj is inherited, 1000 comes first, and raising it takes no right.
 */
function offerFirst(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch {
    // It has ended already, or there is no /proc: nothing that the tool's work depends on.
  }
}

/** Ends the whole process group on time-out or abort: TERM first, KILL after a grace. */
function guardGroup(child: Child, options: ExecOptions): { timedOut: () => boolean; release: () => void } {
  let timedOut = false;
  let escalation: NodeJS.Timeout | undefined;
  const end = (): void => {
    if (child.pid === undefined) return;
    const { pid } = child;
    killGroup(pid, 'SIGTERM');
    escalation ??= setTimeout(() => {
      killGroup(pid, 'SIGKILL');
      // A descendant that left the group may hold the pipes for ever; nobody waits for it.
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, KILL_AFTER_MS);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, options.timeoutMs);
  if (options.signal?.aborted === true) end();
  options.signal?.addEventListener('abort', end);
  return {
    timedOut: () => timedOut,
    release: () => {
      clearTimeout(timer);
      clearTimeout(escalation);
      options.signal?.removeEventListener('abort', end);
      // What the tool left behind in its group after it was told to end.
      if (escalation !== undefined && child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
    },
  };
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Hands on each line; resolves when the stream has ended, whichever way. */
function eachLine(stream: Readable | null, onLine: (line: string) => void): Promise<void> {
  if (stream === null) return Promise.resolve();
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
    if (rest.length <= MAX_LINE_CHARS) return;
    onLine(rest);
    rest = '';
  });
  // A stream that we destroyed reports that as an error; what it held until then has been handed on.
  stream.on('error', () => {});
  return new Promise((resolve) => {
    stream.once('close', () => {
      if (rest !== '') onLine(rest);
      resolve();
    });
  });
}

function exitOf(result: Result): Exit {
  return { code: result.exitCode, signal: result.signal };
}

function failure(file: string, args: readonly string[], result: Result, timedOut: boolean, timeoutMs: number, tail: readonly string[]): ExecError {
  const exit = exitOf(result);
  const { code: errno } = result as { code?: string };
  const started = exit.code !== undefined || exit.signal !== undefined;
  const reason = timedOut ? `took longer than ${timeoutMs / 1000} s` : started ? describeExit(exit) : `could not be started (${errno ?? 'unknown error'})`;
  const command = [file, ...args].map(quote).join(' ');
  return new ExecError({ reason, command, exit, timedOut, tail, ...(started ? {} : { errno }) }, { cause: result });
}

/** 'exit 2' or 'killed by SIGKILL'. */
export function describeExit(exit: Exit): string {
  return exit.signal === undefined ? `exit ${exit.code}` : `killed by ${exit.signal}`;
}

/** The exit status that a shell would show: the code, or 128 and the number of the signal. */
export function exitStatus(exit: Exit): number {
  return exit.signal === undefined ? (exit.code ?? 1) : 128 + constants.signals[exit.signal];
}

/** A word as one would type it, so that a command in an error can be copied. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
