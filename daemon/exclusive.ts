// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs';
import { type Lock, lockHolder, tryLock } from '../common/fileLock.js';
import type { Logger } from './log.js';
import { DataplaneError } from './maps/errors.js';
import { checkPinRoot } from './maps/pins.js';

const FOLDER_MODE = 0o700;

/**
 * Makes this process the one that writes the maps pinned below `root`, before any is opened. The lock is that of the folder itself; the kernel
 * gives it up with its process, and an agent finds a daemon by it that nobody has on record (agent/supervisor/processes.ts).
 *
 * @throws DataplaneError KM_DAEMON_RUNNING, KM_BPF_FS
 */
export async function holdPins(root: string, log: Logger): Promise<Lock | undefined> {
  checkPinRoot(root);
  mkdirSync(root, { recursive: true, mode: FOLDER_MODE });
  let lock: Lock | undefined;
  try {
    lock = await tryLock(root, 'exclusive');
  } catch (error) {
    log.warn({ err: error }, `${root} cannot be locked (${(error as Error).message}); another daemon that uses it would not be noticed`);
    return undefined;
  }
  if (lock !== undefined) return lock;
  const pid = lockHolder(root);
  throw new DataplaneError('KM_DAEMON_RUNNING', `${pid === undefined ? 'a process that cannot be seen from this pid namespace' : `the process with pid ${pid}`} holds ${root}`);
}
