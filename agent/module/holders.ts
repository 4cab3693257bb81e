// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import { readIfThere } from '../gather/files.js';
import { isErrno, type Sys } from '../sys.js';
import { loadedModule, moduleNumber } from './loaded.js';
import { requestPins } from './pin.js';

/** How an open link shows in /proc/PID/fd: named in two ways in kernel/bpf/syscall.c, by how it was opened. */
const BPF_LINKS = ['anon_inode:bpf_link', 'anon_inode:bpf-link'];
const TRACEPOINT = /^tp_name:\s*kmesh_request$/m;
const MAX_BYTES = 4096;

/** Everything that is known to keep the module in the kernel, as a phrase. */
export async function whatHolds(ctx: Context): Promise<string> {
  const { sys } = ctx;
  const loaded = await loadedModule(sys);
  const counts = [
    [await moduleNumber(sys, 'counters/deferred'), 'connections held back'],
    [await moduleNumber(sys, 'counters/armed'), 'sockets taken over that have not connected yet'],
  ] as const;
  const pins = await requestPins(ctx);
  const links = await linkOwners(sys);
  const parts = [
    ...(loaded?.references === undefined ? [] : [`references: ${loaded.references}`]),
    ...counts.flatMap(([count, what]) => (count === undefined || count === 0 ? [] : [`${what}: ${count}`])),
    ...(loaded?.usedBy.length ? [`modules that need it: ${loaded.usedBy.join(', ')}`] : []),
    ...pins.map((pin) => `the link pinned at ${pin}`),
    ...(links.length === 0 ? [] : [`links to its tracepoint held open by ${links.join(', ')}`]),
  ];
  return parts.length === 0 ? 'nothing that can be seen from here' : parts.join('; ');
}

/** Processes that hold a link to the module's tracepoint, as far as they can be seen from here. */
async function linkOwners(sys: Sys): Promise<readonly string[]> {
  const owners: string[] = [];
  for (const pid of (await sys.list('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (await holdsLink(sys, pid)) owners.push(`pid ${pid} (${(await ifAlive(() => sys.readText(`/proc/${pid}/comm`, MAX_BYTES)))?.trim() ?? 'gone'})`);
  }
  return owners;
}

async function holdsLink(sys: Sys, pid: string): Promise<boolean> {
  for (const fd of (await ifAlive(() => sys.list(`/proc/${pid}/fd`))) ?? []) {
    const target = await ifAlive(() => sys.readLink(`/proc/${pid}/fd/${fd}`));
    if (target === undefined || !BPF_LINKS.includes(target)) continue;
    if (TRACEPOINT.test((await ifAlive(() => sys.readText(`/proc/${pid}/fdinfo/${fd}`, MAX_BYTES))) ?? '')) return true;
  }
  return false;
}

/** A process may end between two looks at it. */
async function ifAlive<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await readIfThere(look);
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return undefined;
    throw error;
  }
}
