// SPDX-License-Identifier: Apache-2.0
/** Network namespaces like those of pods: each joined to the sandbox by a veth pair, with a way to 10.244.0.0/16 and to no service address. */
import fs from 'node:fs';
import koffi from 'koffi';
import { compileTool, run, spawnInCgroup } from '../helpers/sandbox.js';
import { finish, held, type Connection, type HeldConnections } from './client.js';

/** Addresses of the sandbox that pods reach. */
export const NODE = '10.244.0.1';
export const NODE6 = 'fd00:10:244::1';

/** Where ip(8) keeps names of namespaces; a file system of the sandbox alone. To be called before the first pod. */
export function makeNode(): void {
  run('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
  run('ip', ['address', 'add', `${NODE}/32`, 'dev', 'lo']);
  // Without `nodad` an address is tentative until a work queue of the kernel has had its turn, and cannot be listened at.
  run('ip', ['address', 'add', `${NODE6}/128`, 'dev', 'lo', 'nodad']);
}

export interface Pod {
  readonly name: string;
  /** Path of its network namespace. */
  readonly netns: string;
}

let made = 0;

export function makePod(name: string): Pod {
  made += 1;
  const [own, own6, link] = [`10.244.${1 + (made >> 8)}.${made & 255}`, `fd00:10:244:1::${made.toString(16)}`, `veth-${name}`];
  run('ip', ['netns', 'add', name]);
  run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
  run('ip', ['link', 'set', link, 'up']);
  for (const args of [
    ['link', 'set', 'lo', 'up'],
    ['link', 'set', 'eth0', 'up'],
    ['address', 'add', `${own}/32`, 'dev', 'eth0'],
    ['address', 'add', `${own6}/128`, 'dev', 'eth0', 'nodad'],
    ['route', 'add', '10.244.0.0/16', 'dev', 'eth0'],
    ['route', 'add', 'fd00:10:244::/48', 'dev', 'eth0'],
  ]) run('ip', ['-n', name, ...args]);
  // Nobody answers neighbour solicitations for an address of lo.
  const [{ address }] = JSON.parse(run('ip', ['-json', 'link', 'show', link])) as [{ address: string }];
  run('ip', ['-n', name, 'neigh', 'add', NODE6, 'lladdr', address, 'dev', 'eth0']);
  run('ip', ['route', 'add', `${own}/32`, 'dev', link]);
  run('ip', ['-6', 'route', 'add', `${own6}/128`, 'dev', link]);
  return { name, netns: `/var/run/netns/${name}` };
}

export function removePod({ name }: Pod): void {
  run('ip', ['netns', 'delete', name]);
}

/** client.c in the namespace of a pod and in a cgroup. */
export function connectFrom({ netns }: Pod, cgroup: string, ...args: readonly (string | number)[]): Promise<Connection[]> {
  return finish(spawnInCgroup(cgroup, 'nsenter', [`--net=${netns}`, compileTool('client'), ...args.map(String)]));
}

/** The same, and keeps the connections. */
export function holdFrom({ netns }: Pod, cgroup: string, count: number, ...args: readonly (string | number)[]): Promise<HeldConnections> {
  return held(spawnInCgroup(cgroup, 'nsenter', [`--net=${netns}`, compileTool('client'), '-k', '-n', String(count), ...args.map(String)]), count);
}

const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71;
const CLONE_NEWNET = 0x40000000;
const libc = koffi.load(null);
const setns = libc.func('int setns(int fd, int type)');
const socket = libc.func('int socket(int family, int type, int protocol)');
const getsockopt = libc.func('int getsockopt(int fd, int level, int name, void *value, void *length)');

/** Runs a function with this thread in another network namespace. */
export function within<T>(netns: string, during: () => T): T {
  const [there, here] = [fs.openSync(netns, 'r'), fs.openSync('/proc/thread-self/ns/net', 'r')];
  try {
    if (setns(there, CLONE_NEWNET) !== 0) throw new Error(`setns: errno ${koffi.errno()}`);
    try {
      return during();
    } finally {
      if (setns(here, CLONE_NEWNET) !== 0) process.abort();
    }
  } finally {
    fs.closeSync(there);
    fs.closeSync(here);
  }
}

/** The cookie of a namespace as the kernel's own socket option tells it; undefined before Linux 5.14. */
export function cookieOf(netns: string): bigint | undefined {
  return within(netns, () => {
    const [fd, value, length] = [socket(1, 1, 0) as number, Buffer.alloc(8), Buffer.from([8, 0, 0, 0])];
    const failed = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, value, length) as number;
    fs.closeSync(fd);
    return failed === 0 ? value.readBigUInt64LE() : undefined;
  });
}
