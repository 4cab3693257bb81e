// SPDX-License-Identifier: Apache-2.0
/** kmesh-daemon in a process of its own, looked at from outside. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import type { Place } from '../place.js';

export interface LogLine {
  readonly msg: string;
  readonly frontends?: number;
  readonly operations?: number;
  readonly ms?: number;
}

/** Notes the longest delay of the event loop since it was asked last: by SIGUSR2, into a file. */
const WATCH = `
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { writeFileSync, renameSync } from 'node:fs';
const histogram = monitorEventLoopDelay({ resolution: 1 });
histogram.enable();
process.on('SIGUSR2', () => {
  const file = process.env.KMESH_BENCH_DELAY;
  writeFileSync(file + '.next', String(histogram.max / 1e6));
  histogram.reset();
  renameSync(file + '.next', file);
});
`;

const TICKS_PER_SECOND = 100;

export class Daemon {
  readonly #process: ChildProcess;
  readonly #delayFile: string;
  readonly #lines: LogLine[] = [];
  readonly #waiting = new Set<() => void>();

  constructor({ objects, cgroup, folder }: Place, address: string, args: readonly string[]) {
    this.#delayFile = path.join(folder, 'delay');
    const watch = path.join(folder, 'watch.mjs');
    fs.writeFileSync(watch, WATCH);
    const words = ['--import', watch, path.resolve('daemon.js'), '--objects', objects, '--cgroup', cgroup, '--xds-address', address, '--xds-plaintext', '--log-format', 'json', ...args];
    const env = { ...process.env, KMESH_BENCH_DELAY: this.#delayFile, POD_NAME: 'bench', INSTANCE_IP: '10.127.0.1' };
    this.#process = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'], env });
    readline.createInterface({ input: this.#process.stdout! }).on('line', (line) => {
      this.#lines.push(JSON.parse(line) as LogLine);
      this.#wake();
    });
    this.#process.once('exit', () => this.#wake());
  }

  get lines(): number {
    return this.#lines.length;
  }

  /** The first line from `from` on that matches. */
  async line(match: (line: LogLine) => boolean, from: number): Promise<LogLine> {
    for (;;) {
      const found = this.#lines.slice(from).find(match);
      if (found) return found;
      if (this.#process.exitCode !== null) throw this.#end();
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Resolves with `what`, unless the daemon ends before. */
  async during<T>(what: Promise<T>): Promise<T> {
    const ended = once(this.#process, 'exit').then(() => Promise.reject(this.#end()));
    return Promise.race([what, ended]);
  }

  #end(): Error {
    return new Error(`kmesh-daemon ended with ${this.#process.exitCode}: ${this.#lines.slice(-5).map(({ msg }) => msg).join('; ')}`);
  }

  /** Lines of applied configurations from `from` on. */
  applications(from: number): number {
    return this.#lines.slice(from).filter(isApplied).length;
  }

  /** Seconds of processor time since its start (proc(5), utime and stime). */
  get cpuSeconds(): number {
    const stat = fs.readFileSync(`/proc/${this.#process.pid!}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** MiB: resident now, and at most so far. */
  get memory(): { readonly now: number; readonly most: number } {
    const status = fs.readFileSync(`/proc/${this.#process.pid!}/status`, 'utf8');
    const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
    return { now: mib('VmRSS'), most: mib('VmHWM') };
  }

  /** Milliseconds that the event loop was held at most since the last call. */
  async longestBlock(): Promise<number> {
    fs.rmSync(this.#delayFile, { force: true });
    this.#process.kill('SIGUSR2');
    while (!fs.existsSync(this.#delayFile)) await new Promise((resolve) => setTimeout(resolve, 5));
    return Number(fs.readFileSync(this.#delayFile, 'utf8'));
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await ended;
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

export const isApplied = ({ msg }: LogLine): boolean => msg.startsWith('configuration applied');
