// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import { flockHolder } from './procLocks.js';

/** `shared` locks go together; an `exclusive` one goes with no other. */
export type LockKind = 'shared' | 'exclusive';

export interface Lock {
  release(): void;
}

/** sys/file.h. */
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Each turn somebody has removed or replaced the file between its opening and its locking. */
const TURNS = 100;

/** What sys.ts hands out as tryLock(). */
export async function tryLock(file: string, kind: LockKind): Promise<Lock | undefined> {
  // Loaded here and not on top: most commands do without the native library.
  const { default: koffi } = await import('koffi');
  const flock = koffi.load(null).func('int flock(int fd, int operation)');
  for (let turn = 0; turn < TURNS; turn += 1) {
    const fd = openForLock(file);
    const lock: Lock = { release: () => closeSync(fd) };
    if (flock(fd, (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB) !== 0) {
      const number = koffi.errno();
      lock.release();
      if (number === os.constants.errno.EWOULDBLOCK) return undefined;
      throw Object.assign(new Error(`${file} cannot be locked: errno ${number}`), { code: 'ENOLCK', path: file });
    }
    // Who locks a file that is gone keeps nobody else out.
    if (isStillAt(fd, file)) return lock;
    lock.release();
  }
  return undefined;
}

/** What sys.ts hands out as lockHolder(). */
export function lockHolder(file: string): number | undefined {
  try {
    const { dev, ino } = statSync(file, { bigint: true });
    return flockHolder(readFileSync('/proc/locks', 'utf8'), dev, ino);
  } catch {
    return undefined;
  }
}

/** Node opens with O_CLOEXEC: no child keeps the lock. */
function openForLock(file: string): number {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_CREAT, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error;
    return openSync(file, constants.O_RDONLY | constants.O_DIRECTORY);
  }
}

function isStillAt(fd: number, file: string): boolean {
  const locked = fstatSync(fd, { bigint: true });
  const there = statSync(file, { bigint: true, throwIfNoEntry: false });
  return there?.ino === locked.ino && there.dev === locked.dev;
}
