// SPDX-License-Identifier: Apache-2.0
/** The load generator of test/vm/clients/load in the guest. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { CLIENTS } from './programs.js';

/** Where requests go, and the endpoints any of which is a right answer. */
export interface Target {
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly allowed: readonly string[];
}

export interface Summary {
  readonly requests: number;
  readonly failures: number;
  readonly connections: number;
  readonly seconds: number;
  readonly mean_us: number;
  readonly p50_us: number;
  readonly p99_us: number;
  /** Address of an endpoint -> its answers. */
  readonly answers: Readonly<Record<string, number>>;
}

export interface LoadResult {
  readonly summary: Summary;
  /** Lines about requests that went wrong. */
  readonly failed: readonly string[];
}

export class Load {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #output = '';

  /**
   * @param options of the load generator, without the file.
   * @param launcher words before the program, such as `taskset 1`.
   */
  constructor(folder: string, targets: readonly Target[], options: readonly string[], launcher: readonly string[] = []) {
    const file = path.join(folder, `targets-${process.hrtime.bigint()}`);
    fs.writeFileSync(file, targets.map(({ address, port, host, path: where, allowed }) => `${address} ${port} ${host} ${where} ${allowed.join(',')}\n`).join(''));
    const [command = '', ...words] = [...launcher, path.join(CLIENTS, 'load-generator'), ...options, file];
    this.#process = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process.stdout!.setEncoding('utf8').on('data', (part: string) => (this.#output += part));
    this.#ended = once(this.#process, 'close');
  }

  /** Requests that have failed so far. */
  get failures(): number {
    return this.#output.split('\n').filter((line) => line.startsWith('{"failed"')).length;
  }

  /** Ends it once it has made the requests that it was told to make. */
  async finish(): Promise<LoadResult> {
    this.#process.stdin!.end();
    await this.#ended;
    const lines = this.#output.trim().split('\n');
    const last = lines.pop() ?? '';
    if (this.#process.exitCode !== 0 || !last.startsWith('{"requests"')) throw new Error(`the load generator ended with ${this.#process.signalCode ?? this.#process.exitCode}: ${last}`);
    return { summary: JSON.parse(last) as Summary, failed: lines };
  }
}
