// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
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

async function finish(child: ChildProcess): Promise<Connection[]> {
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

/** The same, outside every cgroup that tests attach to. */
export function connectOutside(...args: readonly (string | number)[]): Promise<Connection[]> {
  return finish(spawn(compileTool('client'), args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] }));
}

export interface HeldConnections {
  readonly connections: readonly Connection[];
  /** Closes them; resolves when the process has ended. */
  release(): Promise<void>;
}

/** Makes `count` connections and keeps them until `release`. */
export async function holdIn(cgroup: string, count: number, ...args: readonly (string | number)[]): Promise<HeldConnections> {
  const child = spawnInCgroup(cgroup, compileTool('client'), ['-k', '-n', String(count), ...args.map(String)]);
  const ended = once(child, 'close');
  let text = '';
  for await (const chunk of child.stdout!.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (text.split('\n').length > count) break;
  }
  return {
    connections: text.split('\n').filter(Boolean).map(parseConnection),
    release: async () => {
      child.stdin!.end();
      child.stdout!.resume();
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
