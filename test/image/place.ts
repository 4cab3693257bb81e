// SPDX-License-Identifier: Apache-2.0
/** What a node has, inside the sandbox of a test: shared mounts at /mnt and /sys/fs/bpf, an empty /var/lib/kmesh, the sample mesh. */
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { makeCgroup, run, spawnInCgroup } from '../helpers/sandbox.js';
import { ROOT } from '../helpers/node.js';
import type { Cluster } from './container.js';

/** For mount points that may not be there: they are made on a file system of the sandbox. */
export function makePlace(folder: string): { readonly cluster: Cluster; readonly cgroup: string } {
  run('mount', ['-t', 'tmpfs', 'tmpfs', '/mnt']);
  run('mount', ['-t', 'tmpfs', 'tmpfs', '/var/lib']);
  for (const shared of ['/mnt', '/sys/fs/bpf']) run('mount', ['--make-shared', shared]);
  for (const name of ['istio-token', 'istio-ca']) fs.mkdirSync(path.join(folder, name));
  const cgroup = makeCgroup();
  const mesh = ['--volume', `${path.join(ROOT, 'samples/mesh')}:/mesh:ro`];
  return { cgroup, cluster: { xdsAddress: 'file:///mesh', volumes: folder, attachCgroup: path.basename(cgroup), more: mesh } };
}

/** Who answers at a service address of the sample mesh, asked from inside of the cgroup. */
export async function answer(cgroup: string, url: string): Promise<string> {
  const script = `require('node:http').get(process.argv[1], { agent: false }, (r) => r.pipe(process.stdout)).on('error', (e) => console.log(e.code))`;
  const client = spawnInCgroup(cgroup, process.execPath, ['-e', script, url]);
  let text = '';
  for await (const part of client.stdout!) text += String(part);
  return text.trim();
}

/** The backend v2 of the sample mesh and its siblings, on loopback. @returns what ends them */
export async function startBackends(): Promise<() => void> {
  const servers: http.Server[] = [];
  for (const [name, port] of [['v1-a', 18081], ['v1-b', 18082], ['v2', 18083]] as const) {
    for (const host of ['127.0.0.1', '::1']) {
      const server = http.createServer((_, response) => response.end(name));
      await new Promise<void>((resolve, reject) => void server.once('error', reject).listen(port, host, () => resolve()));
      servers.push(server);
    }
  }
  return () => servers.forEach((server) => (server.close(), server.closeAllConnections()));
}

/** What a stopped agent must not leave. */
export function leftovers(): readonly string[] {
  const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes('kmesh_cgroup2'));
  // The kernel's own, in every bpffs (kernel/bpf/preload).
  const pins = fs.readdirSync('/sys/fs/bpf').filter((name) => !name.endsWith('.debug'));
  return [...mounts, ...fs.readdirSync('/mnt'), ...pins];
}
