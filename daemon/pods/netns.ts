// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import koffi from 'koffi';

/** Numbers of include/uapi/asm-generic/socket.h, linux/sched.h, bits/socket.h and linux/magic.h. */
const SOL_SOCKET = 1;
const SO_COOKIE = 57;
const SO_NETNS_COOKIE = 71;
const CLONE_NEWNET = 0x40000000;
const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;

/** A network namespace. Device and inode are those of a living one, the cookie is never used again. */
export interface Netns {
  readonly device: number;
  readonly inode: number;
  readonly cookie: bigint;
}

/** How programs of the kernel tell a cookie, for kernels that do not tell it themselves: Dataplane.learnNetnsCookie. */
export type Learn = (connect: () => bigint) => bigint | undefined;

interface Calls {
  readonly setns: (fd: number, type: number) => number;
  readonly socket: (family: number, type: number, protocol: number) => number;
  readonly connect: (fd: number, address: Buffer, length: number) => number;
  readonly getsockopt: (fd: number, level: number, name: number, value: Buffer, length: Buffer) => number;
}

let calls: Calls | undefined;

function libc(): Calls {
  if (calls !== undefined) return calls;
  const library = koffi.load(null);
  return (calls = {
    setns: library.func('int setns(int fd, int type)'),
    socket: library.func('int socket(int family, int type, int protocol)'),
    connect: library.func('int connect(int fd, const void *address, uint32_t length)'),
    getsockopt: library.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
  });
}

/**
 * The network namespace that a path leads to, such as `/proc/4711/ns/net`. Enters it for an instant with this one thread, which runs all
 * of the daemon's own code; nothing is awaited inside. Needs CAP_SYS_ADMIN, and for another process's CAP_SYS_PTRACE.
 *
 * @throws Error: the path is gone, is no network namespace, or its cookie cannot be learned
 */
export function readNetns(path: string, learn: Learn): Netns {
  // O_NONBLOCK: whatever is at the path, it is not waited for.
  const there = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  try {
    const { dev, ino } = fs.fstatSync(there);
    const cookie = inside(there, () => optionOf(SO_NETNS_COOKIE) ?? learn(connectDatagram));
    if (cookie === undefined) throw new Error(`the cookie of ${path} cannot be learned: the kernel is older than 5.14, and no program saw kmesh-daemon connect: it is outside of the mounted cgroup2 hierarchy`);
    return { device: dev, inode: ino, cookie };
  } finally {
    fs.closeSync(there);
  }
}

function inside<T>(there: number, during: () => T): T {
  const { setns } = libc();
  const here = fs.openSync('/proc/thread-self/ns/net', fs.constants.O_RDONLY);
  try {
    if (setns(there, CLONE_NEWNET) !== 0) throw new Error(`the network namespace cannot be entered: errno ${koffi.errno()}`);
    try {
      return during();
    } finally {
      if (setns(here, CLONE_NEWNET) !== 0) leaveProcess();
    }
  } finally {
    fs.closeSync(here);
  }
}

/** Every further connection of this process would be that of a pod. A new process is in the right namespace. */
function leaveProcess(): never {
  process.stderr.write(`kmesh-daemon: there is no way back from a pod's network namespace (errno ${koffi.errno()})\n`);
  process.exit(1);
}

/** A 64-bit option of a new socket of this thread's namespace; undefined: the kernel does not know it. */
function optionOf(name: number): bigint | undefined {
  return usingSocket(AF_UNIX, (fd) => readOption(fd, name));
}

/**
 * Connects a datagram socket, by which nothing is sent, to the discard port of loopback. Whether there is a way to it does not matter.
 *
 * @returns the cookie of the socket
 */
export function connectDatagram(): bigint {
  const discard = Buffer.from([AF_INET, 0, 0, 9, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  return usingSocket(AF_INET, (fd) => {
    libc().connect(fd, discard, discard.length);
    const cookie = readOption(fd, SO_COOKIE);
    if (cookie === undefined) throw new Error(`SO_COOKIE: errno ${koffi.errno()}`);
    return cookie;
  });
}

function usingSocket<T>(family: number, use: (fd: number) => T): T {
  const fd = libc().socket(family, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) throw new Error(`socket: errno ${koffi.errno()}`);
  try {
    return use(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function readOption(fd: number, name: number): bigint | undefined {
  const value = Buffer.alloc(8);
  const length = Buffer.from([value.length, 0, 0, 0]);
  return libc().getsockopt(fd, SOL_SOCKET, name, value, length) === 0 ? value.readBigUInt64LE() : undefined;
}
