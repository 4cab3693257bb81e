// SPDX-License-Identifier: Apache-2.0
/** Runs in network and mount namespaces of its own, so that no process of this machine is steered and every mount ends with it. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startOnce, type Start } from './node.js';

const INSIDE = 'KMESH_BENCH_INSIDE';
const ROUNDS = 5;
const root = path.resolve('.');

if (process.env[INSIDE] === undefined) {
  const command = ['--net', '--mount', '--propagation', 'private', process.execPath, path.join(root, 'bench/run.mjs'), 'bringup'];
  const { status, signal } = spawnSync('unshare', command, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  if (status !== 0) throw new Error(`bringup ended with ${signal ?? status}`);
} else {
  execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kmesh-bench-'));
  try {
    await measure(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

interface Round {
  readonly make: number;
  readonly bareNode: number;
  readonly version: number;
  readonly cold: Start;
  readonly warm: Start;
}

async function measure(folder: string): Promise<void> {
  const state = path.join(folder, 'state');
  // Fills the page cache, and leaves the generated headers for plain make.
  await startOnce(root, folder);
  const include = path.join(folder, 'include');
  const [build = ''] = fs.readdirSync(path.join(state, 'build')).filter((name) => /^[0-9a-f]{64}$/.test(name));
  fs.cpSync(path.join(state, 'build', build, 'include'), include, { recursive: true });
  const rounds: Round[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const output = path.join(folder, 'make');
    const make = timed('make', ['-C', path.join(root, 'bpf'), `-j${os.availableParallelism()}`, `O=${output}`, `KMESH_GENERATED=${include}`, 'CLANG=clang']);
    fs.rmSync(output, { recursive: true });
    fs.rmSync(state, { recursive: true });
    const cold = await startOnce(root, folder);
    const warm = await startOnce(root, folder);
    rounds.push({ make, bareNode: timed(process.execPath, ['-e', '0']), version: timed(process.execPath, [path.join(root, 'agent.js'), '--version']), cold, warm });
    process.stderr.write(`bench: round ${round} of ${ROUNDS}\n`);
  }
  process.stdout.write(`${report(rounds)}\n`);
}

function timed(file: string, words: readonly string[]): number {
  const began = performance.now();
  execFileSync(file, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  return performance.now() - began;
}

/** What, found, and the goal of the design where there is one. */
function report(rounds: readonly Round[]): string {
  const ms = (figure: (round: Round) => number): string => `${typical(rounds.map(figure)).toFixed(0)} ms`;
  const mib = (figure: (round: Round) => number | undefined): string => `${typical(rounds.map((round) => figure(round) ?? NaN)).toFixed(0)} MiB`;
  const ratio = (figure: (round: Round) => number): string => typical(rounds.map(figure)).toFixed(2);
  const skipped = rounds.every(({ cold }) => (cold.phases['compile-module'] ?? 0) < 100) ? ' (this kernel takes no module: only the eBPF programs are compiled)' : '';
  const rows = [
    [`plain make of the same sources${skipped}`, ms(({ make }) => make), ''],
    ['compile-bpf and compile-module of a cold start, over plain make', ratio(({ cold, make }) => ((cold.phases['compile-bpf'] ?? 0) + (cold.phases['compile-module'] ?? 0)) / make), 'at most 1.15'],
    ['cold start to ready', ms(({ cold }) => cold.readyMs), ''],
    ['warm start to ready', ms(({ warm }) => warm.readyMs), 'under 1500 ms'],
    ['cold over warm', ratio(({ cold, warm }) => cold.readyMs / warm.readyMs), skipped === '' ? 'at least 10' : 'at least 10 with a module'],
    ['agent.js --version over an empty program', ratio(({ version, bareNode }) => version / bareNode), ''],
    ['memory peak of the whole cgroup, cold', mib(({ cold }) => cold.peakMib), 'under 400 MiB'],
    ['memory peak of the whole cgroup, warm', mib(({ warm }) => warm.peakMib), ''],
    ['resident memory of the agent, idle', mib(({ warm }) => warm.agentMib), 'under 60 MiB'],
    ['resident memory of the daemon, idle, sample mesh', mib(({ warm }) => warm.daemonMib), ''],
  ];
  const width = Math.max(...rows.map(([what = '']) => what.length));
  return [`Starts of the agent: medians of ${rounds.length} rounds`, '', ...rows.map(([what = '', found = '', goal = '']) => `  ${what.padEnd(width)}  ${found.padStart(9)}${goal === '' ? '' : `   (goal: ${goal})`}`)].join('\n');
}

function typical(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
