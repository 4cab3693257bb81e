// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import { spawn } from 'node:child_process';
import { compileTool, spawnInCgroup } from '../helpers/sandbox.js';

/** What one connect() of test/helpers/client.c came to. */
export interface Connection {
  /** `OK`, or the errno by name. */
  readonly errno: string;
  /** What getpeername() said, as `address port`; `- 0` when there was no connection. */
  readonly peer: string;
  /** The name that the backend sent; `-` when nothing came. */
  readonly said: string;
}

export function parseConnection(line: string): Connection {
  const [errno = '', address = '', port = '', said = ''] = line.split(' ');
  return { errno, peer: `${address} ${port}`, said };
}

export async function finish(child: ChildProcess): Promise<Connection[]> {
  const chunks: Buffer[] = [];
  child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`client ended with ${code}`);
  return Buffer.concat(chunks).toString().split('\n').filter(Boolean).map(parseConnection);
}

/** Runs client.c in the cgroup to its end; arguments as described there. */
export function connectIn(cgroup: string, ...args: readonly (string | number)[]): Promise<Connection[]> {
  return finish(spawnInCgroup(cgroup, compileTool('client'), args.map(String)));
}

/** The same, in a network namespace of its own in which nothing can be reached. */
export function connectInOtherNamespace(cgroup: string, ...args: readonly (string | number)[]): Promise<Connection[]> {
  return finish(spawnInCgroup(cgroup, 'unshare', ['--net', compileTool('client'), ...args.map(String)]));
}

/** The same, outside every cgroup that tests attach to. */
export function connectOutside(...args: readonly (string | number)[]): Promise<Connection[]> {
  return finish(spawn(compileTool('client'), args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] }));
}

export interface HeldConnections {
  readonly connections: readonly Connection[];
  /** What getpeername() says of each now, as `address port`. */
  peers(): Promise<string[]>;
  /** Closes them; resolves when the process has ended. */
  release(): Promise<void>;
}

/** Makes `count` connections and keeps them until `release`. */
export function holdIn(cgroup: string, count: number, ...args: readonly (string | number)[]): Promise<HeldConnections> {
  return held(spawnInCgroup(cgroup, compileTool('client'), ['-k', '-n', String(count), ...args.map(String)]), count);
}

/** The connections of a client.c that runs with `-k -n count`. */
export async function held(child: ChildProcess, count: number): Promise<HeldConnections> {
  const ended = once(child, 'close');
  const lines = readline.createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const read = async (): Promise<Connection[]> => {
    const read: Connection[] = [];
    while (read.length < count) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the client ended');
      read.push(parseConnection(value));
    }
    return read;
  };
  return {
    connections: await read(),
    peers: () => {
      child.stdin!.write('\n');
      return read().then((again) => again.map(({ peer }) => peer));
    },
    release: async () => {
      child.stdin!.end();
      await ended;
    },
  };
}

/** How many connections said what: `{ a: 800, b: 200 }`; errors count under their errno. */
export function tally(connections: readonly Connection[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { errno, said } of connections) {
    const key = errno === 'OK' ? said : errno;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
