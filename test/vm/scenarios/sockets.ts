// SPDX-License-Identifier: Apache-2.0
/** kmesh.ko by itself, with a small eBPF side: every hard case of test/vm/sockets, socket by socket. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';
import type { Checks, Context } from '../guest/scenario.js';

export const name = 'sockets';
export const limitSeconds = 900;
export const oneThread = true;
export const modules = { kmesh: { folder: 'kernel', variables: { KMESH_INCLUDE: 'bpf/include' } } };
/** It inserts and removes kmesh.ko. */
export const alone = true;

const SOURCES = '/kmesh/files/sockets';

export async function run(t: Checks, { sh, modules, folder, project, slowness }: Context): Promise<void> {
  const [object, steer] = [path.join(folder, 'steer.bpf.o'), path.join(folder, 'steer')];
  await sh('clang', '-target', 'bpf', '-mcpu=v2', '-O2', '-g', `-I${project}/bpf/include`, '-idirafter', '/usr/include/x86_64-linux-gnu', '-c', `${SOURCES}/steer.bpf.c`, '-o', object);
  await sh('gcc', '-O2', '-o', steer, `${SOURCES}/steer.c`, '-lbpf');
  await sh('sysctl', '-q', '-w', 'net.core.somaxconn=4096', 'net.ipv4.tcp_max_syn_backlog=4096');
  const tests = spawn('bash', ['-c', 'ulimit -n 8192; exec python3 -B "$@" 2>&1', 'bash', `${SOURCES}/run.py`, modules['kmesh']!, steer, object], {
    // Under emulation, with a loaded machine below it, a second is soon over.
    env: { ...process.env, SLOWNESS: String(4 * slowness) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await report(t, readline.createInterface({ input: tests.stdout }));
  const [code] = (await once(tests, 'exit')) as [number | null];
  t.equal(code, 0, 'the tests end with 0');
  await sh('rmmod', 'kmesh');
}

/** Lines of run.py: `ok NAME`, `not ok NAME`, `skip NAME`; what is indented explains the line before. */
async function report(t: Checks, lines: AsyncIterable<string>): Promise<void> {
  let failed: string | undefined;
  let detail: string[] = [];
  const settle = (): void => {
    if (failed !== undefined) t.ok(false, failed, detail.join('\n'));
    failed = undefined;
  };
  for await (const line of lines) {
    const [, word, test] = /^(ok|not ok|skip) (\S+)$/.exec(line) ?? [];
    if (word === undefined) {
      detail.push(line);
      continue;
    }
    settle();
    detail = [];
    if (word === 'ok') t.ok(true, test!);
    else if (word === 'not ok') failed = test;
    else t.note(`skipped: ${test}`);
  }
  settle();
}
