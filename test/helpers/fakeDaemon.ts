// SPDX-License-Identifier: Apache-2.0
// A small program in the place of kmesh-daemon, for the tests of its supervision.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';

/** Keeps a diary of its life: one JSON array a line, [pid, event, ...]. */
const SCRIPT = `
const fs = require('node:fs'), http = require('node:http'), path = require('node:path');
const diary = path.join(__dirname, 'diary');
const note = (...words) => fs.appendFileSync(diary, JSON.stringify([process.pid, ...words]) + '\\n');
const args = process.argv.slice(2);
const option = (name) => args[args.indexOf(name) + 1];
const starts = () => fs.readFileSync(diary, 'utf8').split('\\n').filter((line) => line.includes('"start"')).length;
const lives = JSON.parse(fs.readFileSync(path.join(__dirname, 'life.json'), 'utf8'));
const life = Array.isArray(lives) ? lives[starts() % lives.length] : lives;
if (args.includes('--cleanup')) {
  note('cleanup');
  if (life.cleanupFails) { console.error('pins are stuck'); process.exit(3); }
  fs.rmSync(path.join(option('--bpf-fs-path'), 'bpf_kmesh'), { recursive: true });
  process.exit(0);
}
if (args.includes('--check')) {
  console.log(JSON.stringify({ checks: [{ name: 'control-plane-address', status: 'ok', evidence: 'fake', remedy: '' }] }));
  process.exit(0);
}
note('start', { args, gid: process.getgid() });
const born = starts();
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => { note(signal); if (!life.stubborn) process.exit(0); });
if (life.says) console.error(life.says);
if (life.dies !== undefined && !(born > (life.times ?? Infinity))) {
  if (typeof life.dies === 'string') process.kill(process.pid, life.dies);
  else process.exitCode = life.dies;
} else {
  let asked = 0;
  const server = http.createServer((request, response) => {
    if (asked === life.answers) { note('silent'); return; }
    const reason = life.fails ?? (life.reasons ?? [])[asked];
    asked += 1;
    response.writeHead(reason === undefined ? 200 : 503);
    const why = life.fails === undefined ? { code: 'KM_XDS_UNREACHABLE', waitsFor: 'configuration' } : { waitsFor: 'itself' };
    response.end(JSON.stringify(reason === undefined ? { ready: true, l7: life.l7, pods: life.pods } : { ready: false, ...why, reason }));
  });
  if (life.mute) setInterval(() => {}, 1000);
  else server.listen(Number(option('--admin-port')), '127.0.0.1');
}
`;

export interface Life {
  /** Exit code, or signal, with which it ends at once. */
  readonly dies?: number | string;
  /** It only does so the first so many times. */
  readonly times?: number;
  /** Goes to standard error. */
  readonly says?: string;
  /** Reasons for not being ready, one an answer; then it is. */
  readonly reasons?: readonly string[];
  /** It never listens. */
  readonly mute?: boolean;
  /** It answers so often, then it takes questions and answers none. */
  readonly answers?: number;
  /** It is never ready, for this reason, which is its own. */
  readonly fails?: string;
  /** What it says of its programs for requests when it is ready. */
  readonly l7?: { readonly state: string; readonly reason: string };
  /** The same of pods. */
  readonly pods?: { readonly state: string; readonly reason: string };
  /** Ignores signals. */
  readonly stubborn?: boolean;
  readonly cleanupFails?: boolean;
}

export type DiaryEntry = readonly [pid: number, event: string, details?: { readonly args: readonly string[]; readonly gid: number }];

/** Puts daemon.js into a folder. @param life of every process, or the lives that they take in turn */
export function installFakeDaemon(folder: string, life: Life | readonly Life[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{"type":"commonjs"}');
  writeFileSync(path.join(folder, 'daemon.js'), SCRIPT);
  writeFileSync(path.join(folder, 'life.json'), JSON.stringify(life));
  writeFileSync(path.join(folder, 'diary'), '');
}

export function readDiary(folder: string): DiaryEntry[] {
  const lines = readFileSync(path.join(folder, 'diary'), 'utf8').split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as DiaryEntry);
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
