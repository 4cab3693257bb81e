// SPDX-License-Identifier: Apache-2.0
/** Connections that are opened and kept, by test/vm/clients/idle.py. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';
import { CLIENTS } from './programs.js';

export class IdleConnections {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(count: number) {
    this.#process = spawn('python3', [path.join(CLIENTS, 'idle.py'), String(count)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = readline.createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  /** Resolves when all connect() calls have returned. */
  static async open(count: number): Promise<IdleConnections> {
    const connections = new IdleConnections(count);
    await connections.#answer();
    return connections;
  }

  async close(count: number): Promise<void> {
    await this.#command(`close ${count}`);
  }

  /** Sends what is left of a request on each; which endpoints answered how often. */
  ask(): Promise<string> {
    return this.#command('ask');
  }

  /** Closes what is open. */
  async end(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.stdin!.end();
    await ended;
  }

  #command(line: string): Promise<string> {
    this.#process.stdin!.write(`${line}\n`);
    return this.#answer();
  }

  async #answer(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('idle.py ended before it answered');
    return value;
  }
}
