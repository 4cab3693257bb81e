// SPDX-License-Identifier: Apache-2.0
/** The agent as PID 1 of a PID namespace, as in a container, for scenarios. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import type { Context } from './scenario.js';

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Capability {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly remedy?: string;
}

export interface AgentOptions {
  /** Default: the samples of the project. */
  readonly xdsAddress?: string;
  readonly args?: readonly string[];
}

const LAST_WORDS = 8;

/** Files and folders at which containers and their node see the same mounts (mountPropagation: Bidirectional). */
export const SHARED = ['/mnt', '/sys'];

export class Agent {
  readonly log: LogLine[] = [];
  readonly #unshare: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #waiting = new Set<() => void>();

  private constructor(context: Context, { xdsAddress = `file://${context.project}/samples/mesh`, args = [] }: AgentOptions) {
    // Its state folder is the default one: the second agent of a machine finds what the first has compiled.
    const agent = [process.execPath, path.join(context.project, 'agent.js'), '--mode=ads', '--log-format', 'json', ...args];
    const inNamespaces = ['--pid', '--fork', '--kill-child', '--mount', '--propagation', 'unchanged', '--mount-proc'];
    this.#unshare = spawn('unshare', [...inNamespaces, ...agent], { env: { ...process.env, XDS_ADDRESS: xdsAddress }, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#ended = once(this.#unshare, 'close');
    readline.createInterface({ input: this.#unshare.stdout! }).on('line', (text) => {
      // The runner shows the end of such files when a scenario does not come to its own.
      fs.appendFileSync(path.join(context.folder, 'agent.log'), `${text}\n`);
      this.log.push(JSON.parse(text) as LogLine);
      for (const look of this.#waiting) look();
    });
  }

  static async start(context: Context, options: AgentOptions = {}): Promise<Agent> {
    for (const place of SHARED) await shareMountsOf(context, place);
    // A compiler's first start reads 200 MB from an emulated disk; on a kernel that checks each access that takes longer
    // than the agent waits for a version. Where there is none, the agent says so.
    await context.sh('clang', '--version').catch(() => '');
    return new Agent(context, options);
  }

  /** Resolves with the first line whose message matches. @throws when the agent ends before. */
  async lineOf(pattern: RegExp): Promise<LogLine> {
    const found = (): LogLine | undefined => this.log.find(({ msg }) => pattern.test(msg));
    let look = (): void => {};
    const came = new Promise<void>((resolve) => {
      look = () => void (found() && resolve());
      this.#waiting.add(look);
      look();
    });
    await Promise.race([came, this.#ended]);
    this.#waiting.delete(look);
    const line = found();
    if (line === undefined) throw new Error(`the agent ended before it said ${pattern}:\n${this.messages()}`);
    return line;
  }

  ready(): Promise<LogLine> {
    return this.lineOf(/^ready: /);
  }

  /** What it said, from a line on. */
  messages(from = 0): string {
    return this.log.slice(from).map(({ msg }) => msg).join('\n');
  }

  /** A row of the table that it logs when it is ready or has failed. */
  capability(name: string): Capability {
    const table = this.log.findLast((line) => line['capabilities'] !== undefined)?.['capabilities'] as readonly Capability[];
    return table.find((one) => one.name === name)!;
  }

  /** Code of the last error that it logged. */
  errorCode(): string | undefined {
    return (this.log.findLast((line) => line['error'] !== undefined)?.['error'] as { code: string } | undefined)?.code;
  }

  /** Sends a signal to the agent itself and waits for the end of its namespace. @returns its exit code, or the signal. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    const { pid } = this.#unshare;
    process.kill(childOf(pid!), signal);
    return this.ended();
  }

  /** Waits for an end that comes by itself. @returns the exit code, or the signal. */
  async ended(): Promise<number | NodeJS.Signals> {
    await this.#ended;
    const code = this.#unshare.exitCode ?? this.#unshare.signalCode!;
    // Whoever expected another one wants to know why.
    if (code !== 0) process.stderr.write(`the agent ended with ${code}; its last words:\n${this.messages(-LAST_WORDS)}\n`);
    return code;
  }
}

/** Looked for among all processes: not every kernel has /proc/PID/task/TID/children (CONFIG_PROC_CHILDREN). */
function childOf(parent: number): number {
  const child = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).find((pid) => parentOf(pid) === parent);
  if (child === undefined) throw new Error(`process ${parent} has no child`);
  return Number(child);
}

/** undefined: it has ended since the folder was read. */
function parentOf(pid: string): number | undefined {
  try {
    // After the name, which may hold anything, come the state and the parent (proc(5)).
    return Number(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) \S /s, '').split(' ')[0]);
  } catch {
    return undefined;
  }
}

/** Makes a place one at which containers and their node see the same mounts. */
export async function shareMountsOf({ sh }: Context, place: string): Promise<void> {
  const isMounted = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n').some((line) => line.split(' ')[4] === place);
  if (!isMounted) await sh('mount', '--bind', place, place);
  await sh('mount', '--make-rshared', place);
}

/** The backends of the project's samples, as a process of their own. Resolves once they listen, with what ends them. */
export async function startBackends({ project }: Context): Promise<() => void> {
  const backends = spawn(process.execPath, [path.join(project, 'samples/backends.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = readline.createInterface({ input: backends.stdout });
  await Promise.race([once(line, 'line'), once(backends, 'close').then(() => Promise.reject(new Error('the backends ended')))]);
  return () => void backends.kill();
}
