// SPDX-License-Identifier: Apache-2.0
// A compiler that the kernel kills for memory, told from cgroup2's own record.
import fs from 'node:fs';
import path from 'node:path';
import { Agent } from '../guest/agent.js';
import type { Checks, Context } from '../guest/scenario.js';
import { traces } from '../guest/traces.js';

export const name = 'memory';
export const limitSeconds = 300;
/** The kill is what this is about; anywhere else it would be a report. */
export const consoleReports = (): readonly RegExp[] => [/Memory cgroup out of memory: Killed process \d+ \(tail\)/];

const CGROUPS = '/sys/fs/cgroup';
const CGROUP = path.join(CGROUPS, 'kmesh-little-memory');
const MAKE = '/usr/bin/make';
/** Its last line never ends and tail keeps it: the largest process of the cgroup, so the one that the kernel kills. */
const HUNGRY_MAKE = '#!/bin/sh\nhead -c 1000000000 /dev/zero | tail -n 1 > /dev/null\nexit 2\n';

export async function run(t: Checks, context: Context): Promise<void> {
  const before = traces();
  fs.rmSync(MAKE);
  fs.writeFileSync(MAKE, HUNGRY_MAKE, { mode: 0o755 });
  fs.writeFileSync(path.join(CGROUPS, 'cgroup.subtree_control'), '+memory');
  fs.mkdirSync(CGROUP);
  fs.writeFileSync(path.join(CGROUP, 'memory.max'), String(200 * 2 ** 20));
  // What is started from in there begins in there.
  fs.writeFileSync(path.join(CGROUP, 'cgroup.procs'), String(process.pid));
  const agent = await Agent.start(context, { args: ['--state-dir', path.join(context.folder, 'state')] });
  t.equal([await agent.ended(), agent.errorCode()], [12, 'KM_BUILD_MEMORY'], 'the start ends with the code of its own');
  t.match(agent.messages(), new RegExp(`limit 200 MiB, at ${CGROUP}/memory\\.max: `), 'the limit and its file are named');
  t.equal(traces(), before, 'nothing is left');
  fs.writeFileSync(path.join(CGROUPS, 'cgroup.procs'), String(process.pid));
  fs.rmdirSync(CGROUP);
}
