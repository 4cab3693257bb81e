// SPDX-License-Identifier: Apache-2.0
/** How a client comes to a service: each way has what it needs, and says why where it cannot be had. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ENDPOINT_PORT, ENDPOINTS, podAddress, TCP_PORT, vip } from '../xds/mesh.js';

/** What one run of timeConnect prints; times in nanoseconds. */
export interface Times {
  readonly done: number;
  readonly failed: number;
  readonly seconds: number;
  readonly connect: { readonly p50: number; readonly p99: number };
  readonly answer: { readonly p50: number; readonly p99: number };
}

export interface Way {
  readonly name: string;
  measure(count: number): Times;
  stop(): void;
}

/** Services with a TCP port (every other one), in an order that no table has. */
const tcpServices = (services: number): number[] => Array.from({ length: Math.ceil(services / 2) }, (_, k) => 2 * ((k * 7919) % Math.ceil(services / 2)));
export const vips = (services: number): string[] => tcpServices(services).map(vip);
export const pods = (services: number): string[] => tcpServices(services).map((i) => podAddress(i, i % ENDPOINTS));

/** @param before words in front of the program: they put it into a cgroup or a namespace. */
export function way(name: string, program: string, before: readonly string[], addresses: readonly string[], port: number, stop: () => void = () => undefined): Way {
  const measure = (count: number): Times => {
    const [command = '', ...words] = [...before, program, String(count), String(port)];
    const { status, stdout } = spawnSync(command, words, { input: `${addresses.join('\n')}\n`, encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit'] });
    if (status !== 0) throw new Error(`${name}: timeConnect ended with ${status}`);
    const times = JSON.parse(stdout) as Times;
    if (times.failed > 0) throw new Error(`${name}: ${times.failed} of ${count} connections failed`);
    return times;
  };
  return { name, measure, stop };
}

/** Starts the servers of all pods in this network namespace, or in that of `before`. */
export async function startPods(program: string, before: readonly string[] = []): Promise<ChildProcess> {
  const [command = '', ...words] = [...before, program, 'serve', String(ENDPOINT_PORT)];
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  return child;
}

/** A network namespace with pods, where other rules hold. */
async function namespace(program: string): Promise<{ enter: string[]; stop: () => void }> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo up && exec sleep infinity'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout!, 'data');
  const enter = ['nsenter', `--net=/proc/${holder.pid!}/ns/net`];
  execFileSync('nsenter', [...enter.slice(1), 'ip', 'route', 'add', 'local', '10.0.0.0/8', 'dev', 'lo']);
  const server = await startPods(program, enter);
  return { enter, stop: () => [server, holder].forEach((child) => child.kill('SIGKILL')) };
}

/** Rules as kube-proxy makes them: a service's chain draws one of its endpoints. */
function natRules(services: number): string {
  const lines = ['*nat', ':SERVICES - [0:0]'];
  const all = tcpServices(services).sort((a, b) => a - b);
  for (const i of all) lines.push(`:SVC-${i} - [0:0]`);
  lines.push('-A OUTPUT -j SERVICES');
  for (const i of all) {
    lines.push(`-A SERVICES -d ${vip(i)}/32 -p tcp --dport ${TCP_PORT} -j SVC-${i}`);
    for (let e = 0; e < ENDPOINTS; e += 1) {
      const left = ENDPOINTS - e;
      const draw = left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}`;
      lines.push(`-A SVC-${i} -p tcp${draw} -j DNAT --to-destination ${podAddress(i, e)}:${ENDPOINT_PORT}`);
    }
  }
  return `${[...lines, 'COMMIT', ''].join('\n')}`;
}

function ipvsRules(services: number): string {
  return tcpServices(services)
    .flatMap((i) => [`-A -t ${vip(i)}:${TCP_PORT} -s rr`, ...Array.from({ length: ENDPOINTS }, (_, e) => `-a -t ${vip(i)}:${TCP_PORT} -r ${podAddress(i, e)}:${ENDPOINT_PORT} -m -w 1`)])
    .join('\n');
}

/** @returns why not, where the tool or the kernel refuses. */
async function byRules(name: string, program: string, services: number, tool: readonly string[], rules: string): Promise<Way | string> {
  const { enter, stop } = await namespace(program);
  const [command = '', ...words] = [...enter, ...tool];
  const { status, stderr, error } = spawnSync(command, words, { input: rules, encoding: 'utf8' });
  if (status === 0) return way(name, program, enter, vips(services), TCP_PORT, stop);
  stop();
  return `${name}: ${(stderr?.trim() || error?.message || `ended with ${status}`).split('\n')[0]}`;
}

export const byIptables = (program: string, services: number): Promise<Way | string> => byRules('iptables DNAT', program, services, ['iptables-restore'], natRules(services));

export const byIpvs = (program: string, services: number): Promise<Way | string> => byRules('IPVS', program, services, ['ipvsadm', '-R'], ipvsRules(services));

export async function byHaproxy(program: string, folder: string): Promise<Way | string> {
  const file = path.join(folder, 'haproxy.cfg');
  const servers = Array.from({ length: ENDPOINTS }, (_, e) => `  server pod${e} ${podAddress(0, e)}:${ENDPOINT_PORT}`).join('\n');
  fs.writeFileSync(file, `global\n  maxconn 4000\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 10s\n  timeout client 10s\n  timeout server 10s\nlisten service\n  bind 127.0.0.1:9101 backlog 4096\n${servers}\n`);
  return byProxy('haproxy', program, 9101, ['haproxy', '-db', '-f', file]);
}

export async function byNginx(program: string, folder: string): Promise<Way | string> {
  const file = path.join(folder, 'nginx.conf');
  const modules = '/usr/lib/nginx/modules/ngx_stream_module.so';
  const servers = Array.from({ length: ENDPOINTS }, (_, e) => `server ${podAddress(0, e)}:${ENDPOINT_PORT};`).join(' ');
  fs.writeFileSync(
    file,
    `${fs.existsSync(modules) ? `load_module ${modules};\n` : ''}daemon off; master_process off; user root; pid ${path.join(folder, 'nginx.pid')};\nevents { worker_connections 4096; }\nstream { upstream service { ${servers} } server { listen 127.0.0.1:9102 backlog=4096; proxy_pass service; } }\n`,
  );
  return byProxy('nginx stream', program, 9102, ['nginx', '-e', 'stderr', '-c', file]);
}

async function byProxy(name: string, program: string, port: number, [command = '', ...words]: readonly string[]): Promise<Way | string> {
  const child = spawn(command, words, { stdio: 'ignore' });
  let gone = false;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code) => resolve(`ended with ${code}`));
  }).finally(() => (gone = true));
  const why = await Promise.race([ended, accepts(port, () => gone)]);
  if (why === undefined) return way(name, program, [], ['127.0.0.1'], port, () => child.kill('SIGKILL'));
  child.kill('SIGKILL');
  return `${name}: ${why}`;
}

/** Resolves when something listens, or is not to be waited for any longer. */
async function accepts(port: number, stop: () => boolean): Promise<undefined> {
  while (!stop()) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return undefined;
    await sleep(50);
  }
  return undefined;
}
