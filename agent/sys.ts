// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open, statfs } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import fs from 'fs-extra';
import { type Lock, lockHolder, type LockKind, tryLock } from '../common/fileLock.js';
import { type FolderWatch, watchFolders } from './folderWatch.js';
import { httpsGet, type HttpsQuestion } from './httpsClient.js';
import { type HttpServer, type HttpServing, serveHttp } from './httpServer.js';

export interface Entry {
  readonly kind: 'file' | 'directory' | 'other';
  /** Bytes; 0 for the files of /proc and /sys. */
  readonly size: number;
  readonly modifiedMs: number;
  /** Permission bits, and the user id that it belongs to; undefined: it is not known. */
  readonly mode?: number | undefined;
  readonly owner?: number | undefined;
}

/** How a file in the place of another is to be. */
export interface Replacement {
  /** Permission bits, or a file whose owner, group and permission bits it gets. */
  readonly as: number | string;
  /** What has to be there until the moment of the exchange; undefined: nothing. */
  readonly expect?: { readonly content: Uint8Array | undefined };
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** A place in the kernel's log. */
export interface KernelLog {
  /** The records of /dev/kmsg that came since the last call. */
  read(): readonly string[];
  close(): void;
}

/**
 * Everything that the agent does to the world besides running programs (agent/exec.ts). Phases get it through
 * their context, so that tests can put any failure in its place. Errors are Node's own, with `code`.
 */
export interface Sys {
  /** undefined: there is nothing at `file`. Follows symbolic links. */
  stat(file: string): Promise<Entry | undefined>;
  /** @throws EFBIG when there are more than `maxBytes`. */
  readBytes(file: string, maxBytes: number): Promise<Uint8Array>;
  readText(file: string, maxBytes: number): Promise<string>;
  /** The same for tokens, keys and what holds them: `doctor --capture` records nothing that is read this way. */
  readSecret(file: string, maxBytes: number): Promise<string>;
  /** Contents of a gzip file. @throws when they have more than `maxBytes` unpacked. */
  readGzip(file: string, maxBytes: number): Promise<string>;
  readLink(file: string): Promise<string>;
  realPath(file: string): Promise<string>;
  /** Names in a folder, sorted. */
  list(folder: string): Promise<readonly string[]>;
  /** Makes a folder and those above it; returns the ones that it made, outermost first. */
  makeFolders(folder: string): Promise<readonly string[]>;
  /** Removes a folder if it is empty; false when it is not, is in use or is not there. */
  removeEmptyFolder(folder: string): Promise<boolean>;
  /** Removes a file or a whole tree on one file system; nothing there is no error. */
  removeTree(target: string): Promise<void>;
  /** The file is either the old or the new one at any time, also after a power loss, whoever else writes it. */
  writeFileAtomically(file: string, data: string | Uint8Array): Promise<void>;
  /** The same for bytes that only their owner may read (mode 0600). */
  writePrivateFile(file: string, bytes: Uint8Array): Promise<void>;
  /**
   * The same for a file that others read and write too. False, and nothing has changed: it does not hold any more what was expected. What is
   * left of a write that was cut short has a name that ends with `.kmesh-HEX.partial`.
   */
  replaceFile(file: string, data: Uint8Array, replacement: Replacement): Promise<boolean>;
  /** Tells of every change in these folders, until it is closed. */
  watchFolders(folders: readonly string[], changed: () => void): FolderWatch;
  /**
   * Takes a lock (flock(2)) on a folder, or on a file, which is made if need be; undefined: somebody else holds it. The kernel gives
   * it up with its process, whatever pid namespace that is in.
   */
  tryLock(file: string, kind: LockKind): Promise<Lock | undefined>;
  /** Pid of who holds an exclusive lock on it; undefined: nobody, or a process of another pid namespace. */
  lockHolder(file: string): number | undefined;
  /** Writes what the kernel still holds in memory of this file to the disk. */
  sync(file: string): Promise<void>;
  /** Writes to a file that is there, such as those of /sys; makes none. */
  writeExisting(file: string, text: string): Promise<void>;
  copyFile(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  sha256(file: string): Promise<string>;
  /** errno name that access(2) gives for writing, such as EROFS; undefined: the file or folder may be written. Writes nothing. */
  writeObstacle(file: string): Promise<string | undefined>;
  /** Bytes that the file system of a folder has left for users. */
  freeBytes(folder: string): Promise<number>;
  /** What the kernel logs from now on; undefined: there is no /dev/kmsg, or it may not be read. */
  followKernelLog(): KernelLog | undefined;
  /** GET on loopback; undefined when nobody answers within `timeoutMs`. A body of more than `maxChars`, 64 Ki when left out, is cut. */
  httpGet(url: string, timeoutMs: number, maxChars?: number): Promise<HttpAnswer | undefined>;
  /** GET from a server that is known by its authority. @throws why there is no whole answer */
  httpsGet(question: HttpsQuestion): Promise<HttpAnswer>;
  /** Serves GET until it is closed. @throws EADDRINUSE, EACCES, EADDRNOTAVAIL */
  serveHttp(serving: HttpServing): Promise<HttpServer>;
  /** Memory of this process, in bytes. */
  residentBytes(): number;
  /** Resolves after `ms` milliseconds, or at once when `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Sends a signal to one process, or to a group when `pid` is negative; false when it is gone. */
  kill(pid: number, signal: NodeJS.Signals): boolean;
  /** Monotonic milliseconds. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  readonly effectiveUid: number;
  readonly pid: number;
  readonly kernelRelease: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Room beyond the size that a file claims. */
const SPARE_BYTES = 1 << 16;

export const sys: Sys = {
  async stat(file) {
    try {
      const found = await fs.stat(file);
      const kind = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
      return { kind, size: found.size, modifiedMs: found.mtimeMs, mode: found.mode & 0o7777, owner: found.uid };
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  },
  readBytes,
  readText,
  readSecret: readText,
  readGzip: async (file, maxBytes) => (await promisify(gunzip)(await readBytes(file, maxBytes), { maxOutputLength: maxBytes })).toString('utf8'),
  readLink: (file) => fs.readlink(file),
  realPath: (file) => fs.realpath(file),
  list: async (folder) => (await fs.readdir(folder)).sort(),
  makeFolders,
  async removeEmptyFolder(folder) {
    try {
      await fs.rmdir(folder);
      return true;
    } catch (error) {
      if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'ENOENT', 'ENOTDIR')) return false;
      throw error;
    }
  },
  removeTree: (target) => fs.remove(target),
  writeFileAtomically: (file, data) => writeFileAtomically(file, data, 0o666),
  writePrivateFile: (file, bytes) => writeFileAtomically(file, bytes, 0o600),
  replaceFile,
  watchFolders,
  tryLock,
  lockHolder,
  sync,
  writeExisting: (file, text) => fs.writeFile(file, text, { flag: 'r+' }),
  copyFile: (from, to) => fs.copyFile(from, to),
  rename: (from, to) => fs.rename(from, to),
  sha256: async (file) => createHash('sha256').update(await fs.readFile(file)).digest('hex'),
  async writeObstacle(file) {
    try {
      await fs.access(file, constants.W_OK);
      return undefined;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'EIO';
    }
  },
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  followKernelLog,
  httpGet,
  httpsGet,
  serveHttp,
  residentBytes: () => process.memoryUsage.rss(),
  async sleep(ms, signal) {
    await delay(ms, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
      if (!isErrno(error, 'ABORT_ERR')) throw error;
    });
  },
  kill(pid, signal) {
    try {
      return process.kill(pid, signal);
    } catch (error) {
      if (isErrno(error, 'ESRCH')) return false;
      throw error;
    }
  },
  now: () => performance.now(),
  random: Math.random,
  effectiveUid: process.geteuid?.() ?? -1,
  pid: process.pid,
  kernelRelease: os.release(),
  architecture: os.machine(),
  cpus: os.availableParallelism(),
  env: process.env,
};

/** Whether a caught value is a system error with one of these codes. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

async function readText(file: string, maxBytes: number): Promise<string> {
  return Buffer.from(await readBytes(file, maxBytes)).toString('utf8');
}

async function readBytes(file: string, maxBytes: number): Promise<Uint8Array> {
  // O_NONBLOCK: a named pipe in the place of a file must not hold the agent up.
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    // Sizes of most files in /proc and /sys are not known before they are read.
    let bytes = Buffer.alloc(Math.min(fstatSync(fd).size, maxBytes) + SPARE_BYTES);
    let total = 0;
    // sysfs gives at most a page a call: 1,300 calls for the kernel's BTF, too many to go through the thread pool.
    for (let length = 1; length > 0; total += length) {
      if (total > maxBytes) throw Object.assign(new Error(`${file} has more than ${maxBytes} bytes`), { code: 'EFBIG' });
      if (total === bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(bytes.length)]);
      length = readSync(fd, bytes, total, bytes.length - total, null);
    }
    return bytes.subarray(0, total);
  } finally {
    closeSync(fd);
  }
}

async function makeFolders(folder: string): Promise<readonly string[]> {
  const made: string[] = [];
  const missing: string[] = [];
  for (let above = path.resolve(folder); (await sys.stat(above)) === undefined; above = path.dirname(above)) missing.unshift(above);
  try {
    for (const one of missing) if (await makeFolder(one)) made.push(one);
  } catch (error) {
    for (const one of made.reverse()) await sys.removeEmptyFolder(one);
    throw error;
  }
  return made;
}

/** False when somebody else made it meanwhile: agents that begin at the same instant share their state folder. */
async function makeFolder(folder: string): Promise<boolean> {
  try {
    await fs.mkdir(folder);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST') && (await sys.stat(folder))?.kind === 'directory') return false;
    throw error;
  }
}

/** @param mode less the umask */
async function writeFileAtomically(file: string, data: string | Uint8Array, mode: number): Promise<void> {
  // Random: pids come again in other pid namespaces that share the folder.
  const partial = `${file}.${randomBytes(6).toString('hex')}.partial`;
  try {
    await fs.writeFile(partial, data, { flush: true, mode });
    await fs.rename(partial, file);
  } catch (error) {
    await fs.remove(partial);
    throw error;
  }
  await sync(path.dirname(file));
}

async function replaceFile(file: string, data: Uint8Array, { as, expect }: Replacement): Promise<boolean> {
  const like = typeof as === 'number' ? { mode: as, uid: undefined, gid: undefined } : await fs.stat(as);
  const partial = `${file}.kmesh-${randomBytes(6).toString('hex')}.partial`;
  try {
    const handle = await open(partial, 'wx', 0o600);
    try {
      await handle.writeFile(data);
      if (like.uid !== undefined) await handle.chown(like.uid, like.gid);
      await handle.chmod(like.mode & 0o7777);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // To write to the disk took its time; from here to the rename it is microseconds.
    if (expect !== undefined && !(await holds(file, expect.content))) {
      await fs.remove(partial);
      return false;
    }
    await fs.rename(partial, file);
  } catch (error) {
    await fs.remove(partial);
    throw error;
  }
  await sync(path.dirname(file));
  return true;
}

async function holds(file: string, content: Uint8Array | undefined): Promise<boolean> {
  try {
    const there = await readBytes(file, content?.length ?? 0);
    return content !== undefined && Buffer.from(there).equals(content);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return content === undefined;
    if (isErrno(error, 'EFBIG')) return false;
    throw error;
  }
}

async function sync(file: string): Promise<void> {
  const handle = await open(file, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** More than a record can have: CONSOLE_EXT_LOG_MAX is 8192 (include/linux/printk.h). */
const MAX_RECORD_BYTES = 16 << 10;
/** Far more than a ring buffer holds; a kernel that logs faster than it is read ends nobody's patience. */
const MAX_RECORDS = 1 << 17;

function followKernelLog(): KernelLog | undefined {
  let fd: number;
  try {
    fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EPERM', 'EACCES', 'ENXIO', 'ENODEV')) return undefined;
    throw error;
  }
  const log: KernelLog = { read: () => readRecords(fd), close: () => closeSync(fd) };
  // A new reader begins with the oldest record that is kept.
  log.read();
  return log;
}

function readRecords(fd: number): readonly string[] {
  const records: string[] = [];
  const buffer = Buffer.alloc(MAX_RECORD_BYTES);
  for (let count = 0; count < MAX_RECORDS; count += 1) {
    try {
      // One record a call (Documentation/ABI/testing/dev-kmsg).
      records.push(buffer.toString('utf8', 0, readSync(fd, buffer)));
    } catch (error) {
      // EPIPE: records were overwritten before they were read; the next call goes on behind them.
      if (!isErrno(error, 'EPIPE')) return records;
    }
  }
  return records;
}

const MAX_ANSWER_CHARS = 1 << 16;

function httpGet(url: string, timeoutMs: number, maxChars = MAX_ANSWER_CHARS): Promise<HttpAnswer | undefined> {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        body += part.slice(0, maxChars - body.length);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', () => resolve(undefined));
    });
    request.on('error', () => resolve(undefined));
  });
}
