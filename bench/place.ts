// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildBpfObject } from '../test/helpers/bpfObject.js';

/** Where a benchmark runs, in namespaces of its own; all of it goes with the process. */
export interface Place {
  /** Of the compiled eBPF programs. */
  readonly objects: string;
  readonly cgroup: string;
  readonly folder: string;
}

export function makePlace(): Place {
  execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kmesh-bench-'));
  const cgroup = path.join(cgroup2Root(), `kmesh-bench-${process.pid}`);
  fs.mkdirSync(cgroup);
  process.on('exit', () => {
    fs.rmSync(folder, { recursive: true, force: true });
    fs.rmdirSync(cgroup);
  });
  return { objects: path.dirname(buildBpfObject({ setRetval: true })), cgroup, folder };
}

/** Mount point of the cgroup2 hierarchy: /sys/fs/cgroup, or beside the v1 hierarchies of a hybrid host. */
function cgroup2Root(): string {
  for (const line of fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const fields = left.split(' ');
    if (right.startsWith('cgroup2 ') && fields[3] === '/') return fields[4]!;
  }
  throw new Error('no cgroup2 hierarchy is mounted');
}

/** Compiles a C program. @returns its path. */
export function compile(source: string, folder: string): string {
  const program = path.join(folder, path.basename(source, '.c'));
  execFileSync('gcc', ['-O2', '-Wall', '-Werror', '-o', program, path.resolve(source)], { stdio: ['ignore', 'inherit', 'inherit'] });
  return program;
}
