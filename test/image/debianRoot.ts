// SPDX-License-Identifier: Apache-2.0
/** A Debian that packages are installed on: a copy of an image that can be written, with the kernel's file systems of the sandbox. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { run } from '../helpers/sandbox.js';

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', HOME: '/root' };

/** Arguments of chroot. tap gives every child NODE_OPTIONS that name files of this machine: env(1) takes them away again. */
const inside = (folder: string, env: Readonly<Record<string, string>>, words: readonly string[]): readonly string[] =>
  [folder, '/usr/bin/env', '--ignore-environment', ...Object.entries({ ...ENVIRONMENT, ...env }).map(([name, value]) => `${name}=${value}`), ...words];

export interface Ended {
  readonly status: number | null;
  readonly output: string;
}

export class DebianRoot {
  readonly #container: string;
  readonly folder: string;

  constructor(image: string) {
    this.#container = run('buildah', ['from', '--pull-never', image]).trim();
    this.folder = run('buildah', ['mount', this.#container]).trim();
    for (const name of ['proc', 'sys', 'dev']) run('mount', ['--rbind', `/${name}`, path.join(this.folder, name)]);
  }

  /** Runs a command to its end. */
  try(...words: readonly string[]): Ended {
    const { status, stdout, stderr } = spawnSync('chroot', inside(this.folder, {}, words), { encoding: 'utf8', maxBuffer: 1 << 26 });
    return { status, output: `${stdout}${stderr}` };
  }

  /** @throws with what it said, unless it ends with 0 */
  run(...words: readonly string[]): string {
    const { status, output } = this.try(...words);
    if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}:\n${output}`);
    return output;
  }

  /** Runs a command on a file of this machine, which is inside only meanwhile. */
  runWith(file: string, ...words: readonly string[]): string {
    const there = path.join('/tmp', path.basename(file));
    fs.copyFileSync(file, path.join(this.folder, there));
    try {
      return this.run(...words, there);
    } finally {
      fs.rmSync(path.join(this.folder, there));
    }
  }

  /** Starts a command, whose process it is. @returns it, once a line of its output matches */
  async start(pattern: RegExp, env: Readonly<Record<string, string>>, ...words: readonly string[]): Promise<ChildProcess> {
    const child = spawn('chroot', [...inside(this.folder, env, words)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines: string[] = [];
    for await (const line of readline.createInterface({ input: child.stdout })) {
      lines.push(line);
      if (pattern.test(line)) {
        child.stdout.resume();
        return child;
      }
    }
    throw new Error(`it ended:\n${lines.join('\n')}`);
  }

  /** Every name in it, without what the kernel shows and the package manager's own records. */
  files(): readonly string[] {
    const records = /^\/(?:var\/lib\/(?:dpkg|rpm)|usr\/lib\/sysimage\/rpm|root\/\.rpmdb)(?:\/|$)|^\/var\/log\/(?:dpkg|alternatives)\.log$/;
    const device = fs.lstatSync(this.folder).dev;
    const walk = (folder: string): string[] =>
      fs.readdirSync(path.join(this.folder, folder)).flatMap((name) => {
        const [file, stat] = [path.join(folder, name), fs.lstatSync(path.join(this.folder, folder, name))];
        if (records.test(file)) return [];
        return stat.isDirectory() && (stat.dev === device || stat.dev === fs.lstatSync(path.join(this.folder, folder)).dev) ? [file, ...walk(file)] : [file];
      });
    return walk('/');
  }

  remove(): void {
    for (const name of ['proc', 'sys', 'dev']) run('umount', ['--recursive', '--lazy', path.join(this.folder, name)]);
    run('buildah', ['umount', this.#container]);
    run('buildah', ['rm', this.#container]);
  }
}
