// SPDX-License-Identifier: Apache-2.0
/** One start of the agent on this machine: everything that it makes is in a folder and in cgroups of the benchmark's own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { mountsOfType, parseMountinfo } from '../../agent/probe/mountinfo.js';

const MIB = 2 ** 20;
/** After "ready", for memory that is about to be given back. */
const IDLE_MS = 3000;

export interface Start {
  /** Milliseconds from the start of the process to "ready". */
  readonly readyMs: number;
  /** Milliseconds of each phase. */
  readonly phases: Readonly<Record<string, number>>;
  /** MiB; undefined: no memory controller. */
  readonly peakMib: number | undefined;
  readonly agentMib: number;
  readonly daemonMib: number;
}

interface Line {
  readonly msg: string;
  readonly timings?: readonly { readonly phase: string; readonly ms: number }[];
}

const mounts = parseMountinfo(fs.readFileSync('/proc/self/mountinfo', 'utf8'));
const memoryV1 = mountsOfType(mounts, 'cgroup').find(({ superOptions }) => superOptions.includes('memory'))?.mountPoint;
const unified = mountsOfType(mounts, 'cgroup2').map(({ mountPoint }) => mountPoint);
const memoryV2 = unified.find((folder) => fs.readFileSync(path.join(folder, 'cgroup.subtree_control'), 'utf8').includes('memory'));

/** @param folder has or gets the state; what is built there stays for the next start */
export async function startOnce(root: string, folder: string): Promise<Start> {
  const name = `kmesh-bench-${process.pid}`;
  const steered = path.join(unified[0] ?? '', name);
  const memory = path.join(memoryV1 ?? memoryV2 ?? '', `${name}-memory`);
  const measured = memoryV1 !== undefined || memoryV2 !== undefined;
  for (const cgroup of [steered, ...(measured ? [memory] : [])]) fs.mkdirSync(cgroup);
  try {
    return await start(root, folder, name, measured ? memory : undefined);
  } finally {
    for (const cgroup of [steered, ...(measured ? [memory] : [])]) fs.rmdirSync(cgroup);
  }
}

async function start(root: string, folder: string, cgroup: string, memory: string | undefined): Promise<Start> {
  const options = ['--state-dir', path.join(folder, 'state'), '--cgroup2-path', path.join(folder, 'cgroup2'), '--attach-cgroup', cgroup, '--log-format', 'json'];
  const agent = [process.execPath, path.join(root, 'agent.js'), '--mode=ads', ...options];
  const within = memory === undefined ? [] : ['sh', '-c', `echo $$ > ${memory}/cgroup.procs; exec "$@"`, 'sh'];
  const [file = '', ...words] = [...within, ...agent];
  const began = performance.now();
  const child = spawn(file, words, { env: { ...process.env, XDS_ADDRESS: `file://${path.join(root, 'samples/mesh')}` }, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let phases: Record<string, number> = {};
  const lines: string[] = [];
  for await (const text of readline.createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line;
    lines.push(line.msg);
    if (line.timings !== undefined) phases = Object.fromEntries(line.timings.map(({ phase, ms }) => [phase, ms]));
    if (line.msg.startsWith('ready: ')) break;
  }
  const readyMs = performance.now() - began;
  if (child.exitCode !== null) throw new Error(`the agent ended before it was ready:\n${lines.join('\n')}`);
  child.stdout.resume();
  await pause(IDLE_MS);
  const daemon = childrenOf(child.pid!).find((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('daemon.js'));
  const found = { readyMs, phases, peakMib: memory === undefined ? undefined : peakOf(memory), agentMib: residentOf(child.pid!), daemonMib: residentOf(daemon!) };
  child.kill('SIGTERM');
  await ended;
  return found;
}

const childrenOf = (pid: number): number[] => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

const peakOf = (cgroup: string): number => Number(fs.readFileSync(path.join(cgroup, memoryV1 === undefined ? 'memory.peak' : 'memory.max_usage_in_bytes'), 'utf8')) / MIB;

const residentOf = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
