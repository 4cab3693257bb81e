// SPDX-License-Identifier: Apache-2.0
/** Backends and load generators of the chaos lane, each a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';
import { ROOT } from '../helpers/node.js';
import { spawnInCgroup } from '../helpers/sandbox.js';

const FOLDER = path.join(ROOT, 'test/chaos');

/** `ADDRESS PORT` of each service -> names of the backends that may answer. */
export type Truth = Readonly<Record<string, readonly string[]>>;

export interface Backend {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

export async function startBackends(backends: readonly Backend[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [path.join(FOLDER, 'backend.mjs'), ...backends.map(({ name, address, port }) => `${name}@${address}:${port}`)], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  return child;
}

/** What came of the connections of a generator; see load.mjs. */
export interface Seen {
  readonly opened: number;
  readonly answered: number;
  readonly stood: number;
  readonly bytes: number;
  /** What happened -> how often. */
  readonly lost: Readonly<Record<string, number>>;
  readonly wrong: Readonly<Record<string, number>>;
  readonly done: boolean;
}

const NOTHING: Seen = { opened: 0, answered: 0, stood: 0, bytes: 0, lost: {}, wrong: {}, done: false };

export class Load {
  readonly #children: readonly ChildProcess[];
  readonly #seen: Seen[];

  /** @param generators how many processes share the work */
  constructor(cgroup: string, truth: Truth, perSecond: number, standing: number, generators = 2) {
    const words = [path.join(FOLDER, 'load.mjs'), String(perSecond / generators), String(standing / generators)];
    this.#children = Array.from({ length: generators }, () => spawnInCgroup(cgroup, process.execPath, words));
    this.#seen = this.#children.map(() => NOTHING);
    this.#children.forEach((child, i) => readline.createInterface({ input: child.stdout! }).on('line', (line) => (this.#seen[i] = JSON.parse(line) as Seen)));
    this.tell(truth);
  }

  /** Who may answer from now on. */
  tell(truth: Truth): void {
    for (const child of this.#children) child.stdin!.write(`${JSON.stringify(truth)}\n`);
  }

  get seen(): Seen {
    const sum = (what: 'opened' | 'answered' | 'stood' | 'bytes'): number => this.#seen.reduce((total, one) => total + one[what], 0);
    const merged = (what: 'lost' | 'wrong'): Record<string, number> => {
      const all: Record<string, number> = {};
      for (const one of this.#seen) for (const [name, n] of Object.entries(one[what])) all[name] = (all[name] ?? 0) + n;
      return all;
    };
    return { opened: sum('opened'), answered: sum('answered'), stood: sum('stood'), bytes: sum('bytes'), lost: merged('lost'), wrong: merged('wrong'), done: this.#seen.every(({ done }) => done) };
  }

  /** Lets all that is under way come to its end. */
  async finish(): Promise<Seen> {
    const ended = this.#children.map((child) => once(child, 'close'));
    for (const child of this.#children) child.stdin!.end();
    await Promise.all(ended);
    return this.seen;
  }

  kill(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}
