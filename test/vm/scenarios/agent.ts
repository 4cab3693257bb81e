// SPDX-License-Identifier: Apache-2.0
// The agent as PID 1: builds what the kernel allows, inserts the module, starts the daemon; connections are steered; then it is
// stopped and nothing of it is left.
import fs from 'node:fs';
import path from 'node:path';
import { Agent, startBackends } from '../guest/agent.js';
import type { Checks, Context } from '../guest/scenario.js';

export const name = 'agent';
export const limitSeconds = 240;

const PHASES = ['detect-kernel', 'read-helpers', 'set-macros', 'compile-bpf', 'mount-filesystems', 'supervise-daemon'];
const CONNECTIONS = 30;

export async function run(t: Checks, context: Context): Promise<void> {
  const before = traces();
  const stopBackends = await startBackends(context);
  t.equal(await answers(context, 1), ['nobody'], 'before, nobody answers at a service address');

  const agent = await Agent.start(context);
  await agent.ready();
  for (const phase of PHASES) t.ok(agent.log.some(({ msg }) => new RegExp(`^phase ${phase} .*: done, `).test(msg)), `phase ${phase} is done`, agent.messages());
  t.note((agent.log.find(({ msg }) => /^\d+ phases in /.test(msg)) ?? { msg: 'no summary of phases' }).msg);

  const got = await answers(context, CONNECTIONS);
  t.equal([...new Set(got)].sort(), ['v1-a', 'v1-b', 'v2'], `${CONNECTIONS} connections reach all endpoints and nobody else`);

  t.equal(await agent.stop(), 0, 'it ends with 0 at SIGTERM');
  t.equal(await answers(context, 1), ['nobody'], 'after, nobody answers at a service address');
  stopBackends();
  t.equal(traces(), before, 'and nothing is left');
}

/** Who answers at a service address of the samples. */
async function answers({ sh }: Context, times: number): Promise<string[]> {
  const script = `for i in $(seq ${times}); do curl -s --noproxy '*' --max-time 20 http://10.96.0.10/ || echo nobody; done`;
  return (await sh('bash', '-c', script)).trim().split('\n');
}

/** What a run could leave in the kernel. */
function traces(): Record<string, unknown> {
  const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' ')[4] ?? '').filter((place) => place !== '/mnt');
  return {
    module: fs.existsSync('/sys/module/kmesh'),
    mounts: mounts.sort(),
    pins: fs.readdirSync('/sys/fs/bpf'),
    programs: programsOf('/proc').sort(),
  };
}

/** Processes of the project: their command lines. */
function programsOf(proc: string): string[] {
  const lines = fs.readdirSync(proc).filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      return fs.readFileSync(path.join(proc, pid, 'cmdline'), 'utf8').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  });
  return lines.filter((line) => /agent\.js|daemon\.js/.test(line));
}
