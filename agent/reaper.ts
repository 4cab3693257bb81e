// SPDX-License-Identifier: Apache-2.0
import { isErrno, type Sys } from './sys.js';

/** Orphans that end together are reaped together. */
const GATHER_MS = 10;
/** SIGCHLD tells of every end, but a signal that comes while another one waits is lost. */
const SLOW_MS = 5000;

/** sys/wait.h */
const WNOHANG = 1;
/** linux/prctl.h */
const PR_SET_CHILD_SUBREAPER = 36;

/** Far more than the numbers of all processes that there can be (PID_MAX_LIMIT is 2^22). */
const MAX_CHILDREN_BYTES = 1 << 26;
const MAX_STAT_BYTES = 4096;

export interface Reaper {
  /** How many orphans it has taken so far. */
  reaped(): number;
  /** Takes those that have ended by now. */
  now(): Promise<void>;
  stop(): void;
}

/**
 * Waits for the processes that lose their parents and fall to this one, so that none stays a zombie: Node only waits for
 * those that it started itself. waitpid(-1) would take those away from it, so each orphan is asked for by its number. Where
 * the process is not PID 1 it becomes the subreaper of its descendants, so that it works alike.
 *
 * @param isOwn whether Node started a process and waits for it
 */
export async function reapOrphans(sys: Sys, isOwn: (pid: number) => boolean): Promise<Reaper> {
  // Loaded here and not on top: `plan`, `inspect` and `--help` work without the native library.
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const waitpid = libc.func('int waitpid(int pid, void *status, int options)');
  const prctl = libc.func('int prctl(int option, unsigned long value, unsigned long b, unsigned long c, unsigned long d)');
  if (sys.pid !== 1) prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  let count = 0;
  let gathering: NodeJS.Timeout | undefined;
  const pass = async (): Promise<void> => {
    // What cannot be listed now, without a file descriptor or memory left, is listed the next time.
    for (const pid of await childrenOf(sys).catch(() => [])) {
      if (!isOwn(pid) && waitpid(pid, null, WNOHANG) === pid) count += 1;
    }
    gathering = undefined;
  };
  const soon = (): void => {
    gathering ??= setTimeout(() => void pass(), GATHER_MS).unref();
  };
  const slow = setInterval(soon, SLOW_MS).unref();
  process.on('SIGCHLD', soon);
  soon();
  return {
    reaped: () => count,
    now: pass,
    stop() {
      process.removeListener('SIGCHLD', soon);
      clearInterval(slow);
      clearTimeout(gathering);
    },
  };
}

/** The children of this process. Orphans fall to its first thread, which is also the one that Node starts programs from. */
export async function childrenOf(sys: Sys): Promise<readonly number[]> {
  try {
    const text = await sys.readText(`/proc/self/task/${sys.pid}/children`, MAX_CHILDREN_BYTES);
    return text.split(' ').map(Number).filter((pid) => pid > 0);
  } catch (error) {
    // A kernel without CONFIG_PROC_CHILDREN, or no /proc at all.
    if (!isErrno(error, 'ENOENT', 'ESRCH')) throw error;
    return await childrenByParent(sys);
  }
}

/** The same from the parents that all processes name. */
export async function childrenByParent(sys: Sys): Promise<readonly number[]> {
  const found: number[] = [];
  const names = await sys.list('/proc').catch(() => []);
  for (const pid of names.filter((name) => /^\d+$/.test(name))) {
    const stat = await sys.readText(`/proc/${pid}/stat`, MAX_STAT_BYTES).catch(() => '');
    // The second field is the program's name in parentheses and may hold anything; the parent is the second behind it.
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === sys.pid) found.push(Number(pid));
  }
  return found;
}
