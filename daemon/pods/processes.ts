// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { podUidOf } from '../membership/cgroupPath.js';

/** Processes that are looked at before the event loop gets its turn: about a millisecond. */
const SLICE = 64;

/** Where the processes of the whole node are: the host's /proc where a container has it mapped. */
export const procRoot = (): string => (fs.existsSync('/host/proc/1/ns') ? '/host/proc' : '/proc');

/**
 * The first process of each pod, by the uid in its cgroup's path: the one that holds the pod's namespaces, since what a container
 * makes of its own comes later.
 *
 * One whose namespaces may not be looked at is taken for one, so that whoever enters them learns why.
 *
 * @param wanted names of pods' cgroups
 * @returns pids by name
 */
export async function firstProcesses(proc: string, wanted: ReadonlySet<string>): Promise<Map<string, number>> {
  const found = new Map<string, { readonly pid: number; readonly started: bigint }>();
  // The daemon is on the network of the host.
  const host = fs.statSync('/proc/self/ns/net').ino;
  let looked = 0;
  for (const name of fs.readdirSync(proc)) {
    if (!/^[1-9][0-9]*$/.test(name)) continue;
    if ((looked += 1) % SLICE === 0) await nextTurn();
    const pid = Number(name);
    const uid = podOf(proc, pid);
    if (uid === undefined || !wanted.has(uid) || netnsInode(proc, pid) === host) continue;
    const started = startTime(proc, pid);
    if (started !== undefined && started < (found.get(uid)?.started ?? 1n << 64n)) found.set(uid, { pid, started });
  }
  return new Map([...found].map(([uid, { pid }]) => [uid, pid]));
}

/** Paths that lead to every network namespace that a process is in, one for each. */
export async function livingNamespaces(proc: string): Promise<string[]> {
  const paths = new Map<number, string>();
  let looked = 0;
  for (const name of fs.readdirSync(proc)) {
    if (!/^[1-9][0-9]*$/.test(name)) continue;
    if ((looked += 1) % SLICE === 0) await nextTurn();
    const inode = netnsInode(proc, Number(name));
    if (inode !== undefined && !paths.has(inode)) paths.set(inode, netnsPath(proc, Number(name)));
  }
  return [...paths.values()];
}

export const netnsPath = (proc: string, pid: number): string => path.join(proc, String(pid), 'ns/net');

/** The pod that a process belongs to; undefined: none, or it is gone. */
export function podOf(proc: string, pid: number): string | undefined {
  return ofLiving(() => podUidOf(fs.readFileSync(path.join(proc, String(pid), 'cgroup'), 'utf8')));
}

const netnsInode = (proc: string, pid: number): number | undefined => ofLiving(() => fs.statSync(netnsPath(proc, pid)).ino);

/** Ticks since boot: field 22 of /proc/PID/stat (proc(5)), the 20th behind the name, which may hold anything but ends at the last bracket. */
function startTime(proc: string, pid: number): bigint | undefined {
  const text = ofLiving(() => fs.readFileSync(path.join(proc, String(pid), 'stat'), 'utf8'));
  const field = text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  return field !== undefined && /^[0-9]+$/.test(field) ? BigInt(field) : undefined;
}

/** Processes end while they are looked at, and kernel threads and zombies have no namespaces. */
function ofLiving<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
