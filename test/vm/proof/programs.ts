// SPDX-License-Identifier: Apache-2.0
/** Running programs in the guest. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';

/** Where the harness puts the folder that clientPrograms() made. */
export const CLIENTS = '/kmesh/files/clients';
export const REQUESTS = '/kmesh/files/requests';

export interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever that is. */
export async function finish(command: string, args: readonly string[], { input = '', ...options }: { readonly input?: string } & SpawnOptions = {}): Promise<Ended> {
  const child = spawn(command, args, { ...options, stdio: 'pipe' });
  const text = { stdout: '', stderr: '' };
  child.stdout!.setEncoding('utf8').on('data', (part: string) => (text.stdout += part));
  child.stderr!.setEncoding('utf8').on('data', (part: string) => (text.stderr += part));
  child.stdin!.on('error', () => undefined).end(input);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code: code ?? signal ?? 'lost', ...text };
}

/** A program that runs until it is stopped. */
export class Service {
  readonly process: ChildProcess;
  readonly #title: string;

  constructor(command: string, args: readonly string[]) {
    this.#title = [command, ...args].join(' ');
    this.process = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** Resolves when the program says `listening`. */
  async listening(): Promise<this> {
    const lines = readline.createInterface({ input: this.process.stdout! });
    for await (const line of lines) if (line === 'listening') return this;
    throw new Error(`${this.#title} ended before it was listening`);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }
}
