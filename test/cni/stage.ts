// SPDX-License-Identifier: Apache-2.0
/**
 * Where kmesh-cni runs as on a node: inside the sandbox, with a /run of its own, network namespaces made like those of pods, and a daemon that
 * answers as a test wants.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { performance } from 'node:perf_hooks';

const run = (command: string, args: readonly string[]): string => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

export const RUN = '/var/run/kmesh';
export const SOCKET = path.join(RUN, 'cni.sock');
export const LOG = path.join(RUN, 'kmesh-cni.log');

export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly ms: number;
}

/** To be called in the sandbox, whose mounts end with the process. */
export function makeRun(): void {
  run('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
  fs.mkdirSync(RUN, { recursive: true });
}

/** A network namespace. @returns its path */
export function makeNetns(name: string): string {
  run('ip', ['netns', 'add', name]);
  return `/var/run/netns/${name}`;
}

export function removeNetns(name: string): void {
  run('ip', ['netns', 'delete', name]);
}

/** Runs a plugin as container runtimes do: its configuration on standard input, all else in the environment. */
export async function invoke(plugin: string, config: string | Uint8Array, env: Readonly<Record<string, string>>): Promise<Answer> {
  const began = performance.now();
  // Without tap's own variables.
  const child = spawn(plugin, [], { env: { PATH: process.env['PATH'] ?? '', ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.setEncoding('latin1').on('data', (part: string) => (stdout += part));
  // It need not read what it refuses.
  child.stdin.on('error', () => {});
  child.stdin.end(config);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, ms: performance.now() - began };
}

export interface Daemon {
  /** Requests that came, in order. */
  readonly requests: readonly Record<string, unknown>[];
  close(): Promise<void>;
}

/**
 * kmesh-daemon, to the plugin.
 * @param answer what is sent for a request, as it is; undefined: nothing, and the connection stays open. Called while the plugin waits
 */
export async function serve(answer: (request: Record<string, unknown>) => string | undefined): Promise<Daemon> {
  const requests: Record<string, unknown>[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let text = '';
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (part) => {
      text += part.toString('latin1');
      if (!text.includes('\n')) return;
      const request = JSON.parse(text) as Record<string, unknown>;
      requests.push(request);
      const said = answer(request);
      if (said !== undefined) socket.end(said, 'latin1');
    });
  });
  server.listen(SOCKET);
  await once(server, 'listening');
  return {
    requests,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export const OK = '{"version":1,"result":"ok"}\n';

export const logLines = (): readonly string[] => (fs.existsSync(LOG) ? fs.readFileSync(LOG, 'utf8').trimEnd().split('\n') : []);
