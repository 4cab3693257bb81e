// SPDX-License-Identifier: Apache-2.0
/** A node of tests: the bundled agent with its daemon, as a user starts it, attached to a cgroup of the test. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compileTool, run, spawnInCgroup } from './sandbox.js';

export const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

/** An object of the log of the agent or the daemon. */
export interface LogLine {
  readonly level: number;
  readonly name: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface NodeOptions {
  /** Folder that `makeCgroup` gave. */
  readonly cgroup: string;
  readonly xdsAddress: string;
  /** The agent and its daemon run in the cgroup themselves. */
  readonly inside?: boolean;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** A folder that is there; one of its own when left out. */
  readonly stateDir?: string;
}

/** `node agent.js --mode=ads`, with a state folder and mounts that belong to the test. */
export class TestNode {
  readonly #folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kmesh-node-'));
  readonly #options: NodeOptions;
  #agent: ChildProcess | undefined;
  readonly log: LogLine[] = [];
  readonly #waiting = new Set<{ match: (line: LogLine) => boolean; resolve: (line: LogLine) => void; reject: (error: Error) => void }>();

  constructor(options: NodeOptions) {
    this.#options = options;
  }

  get cgroup2Path(): string {
    return path.join(this.#folder, 'cgroup2');
  }

  get stateDir(): string {
    return this.#options.stateDir ?? path.join(this.#folder, 'state');
  }

  get agentPid(): number {
    return this.#agent!.pid!;
  }

  /** Whether an agent runs. */
  get runs(): boolean {
    return this.#agent !== undefined && this.#agent.exitCode === null && this.#agent.signalCode === null;
  }

  /** Starts the agent, of the version in `root`; `lineOf` tells how far it is. */
  start(root = ROOT): void {
    const inCgroup = this.#options.inside ? [compileTool('in-cgroup'), this.#options.cgroup] : [];
    const words = [...inCgroup, process.execPath, path.join(root, 'agent.js'), '--mode=ads', '--state-dir', this.stateDir, '--cgroup2-path', this.cgroup2Path, '--attach-cgroup', path.basename(this.#options.cgroup), '--log-format', 'json', '--status-port', '0', '--metrics-port', '0', ...(this.#options.args ?? [])];
    this.#agent = spawn(words[0]!, words.slice(1), {
      env: { ...process.env, XDS_ADDRESS: this.#options.xdsAddress, ...this.#options.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    readline.createInterface({ input: this.#agent.stdout! }).on('line', (text) => this.#take(JSON.parse(text) as LogLine));
    this.#agent.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting) reject(new Error(`the agent ended (${signal ?? code}) before the log line came:\n${this.log.map((line) => line.msg).join('\n')}`));
      this.#waiting.clear();
    });
  }

  #take(line: LogLine): void {
    this.log.push(line);
    for (const waiter of this.#waiting) {
      if (!waiter.match(line)) continue;
      this.#waiting.delete(waiter);
      waiter.resolve(line);
    }
  }

  /** Resolves with the first line from now on, or that came already, whose message matches. */
  lineOf(pattern: RegExp, { after = 0 }: { after?: number } = {}): Promise<LogLine> {
    const match = (line: LogLine): boolean => pattern.test(line.msg);
    const found = this.log.slice(after).find(match);
    if (found) return Promise.resolve(found);
    return new Promise((resolve, reject) => this.#waiting.add({ match, resolve, reject }));
  }

  ready(): Promise<LogLine> {
    return this.lineOf(/^ready: /);
  }

  /** Sends a signal and waits for the end. @returns the exit code, or the signal that ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    const agent = this.#agent!;
    if (agent.exitCode === null && agent.signalCode === null) {
      const ended = once(agent, 'exit');
      agent.kill(signal);
      await ended;
    }
    return agent.exitCode ?? agent.signalCode!;
  }

  /** What one of the daemon's admin pages says. */
  async admin<T>(page: string): Promise<T> {
    const response = await fetch(`http://127.0.0.1:15200${page}`);
    return (await response.json()) as T;
  }

  /** Removes the folders of the test, after `stop`. */
  remove(): void {
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What a connection came to: `errno` is OK or a name such as ECONNREFUSED. */
export interface Outcome {
  readonly errno: string;
  /** getpeername() of the client. */
  readonly peer: string;
  /** What the server sent first. */
  readonly said: string;
}

/** Makes connections from inside a cgroup, by test/helpers/client.c. */
export async function connectFrom(cgroup: string, client: string, address: string, port: number, args: readonly string[] = []): Promise<Outcome[]> {
  const child = spawnInCgroup(cgroup, client, [...args, address, String(port)]);
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (part: string) => (text += part));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`client ${address} ${port} ended with ${code}`);
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [errno = '', peer = '', , said = ''] = line.split(' ');
      return { errno, peer, said };
    });
}

/** Makes every address of a range local to the sandbox, so that pods can be played there. */
export function ownRange(range: string): void {
  run('ip', [range.includes(':') ? '-6' : '-4', 'route', 'add', 'local', range, 'dev', 'lo']);
}
