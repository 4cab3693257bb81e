// SPDX-License-Identifier: Apache-2.0
// What keeps kmesh.ko out of a kernel: the node comes up without L7, its table says why and what would help, and connections are
// steered all the same.
import fs from 'node:fs';
import path from 'node:path';
import { Agent, startBackends } from '../guest/agent.js';
import type { Checks, Context } from '../guest/scenario.js';
import { isInserted } from '../guest/traces.js';
import { KMESH_MODULE } from '../proof/stage.js';

export const name = 'degraded';
export const limitSeconds = 1500;
/** Debian's compiler is older than the one that built this kernel. */
export const kernels = ['6.12'];
export const modules = { ...KMESH_MODULE, foreign: { folder: 'test/vm/modules/foreign' } };
/** It locks its machine down, and nothing but a boot undoes that. */
export const alone = true;

const LOCKDOWN = '/sys/kernel/security/lockdown';

export async function run(t: Checks, context: Context): Promise<void> {
  const stopBackends = await startBackends(context);
  const given = ['--module', context.modules['kmesh']!];
  await foreign(t, context, given);
  await oldCompiler(t, context);
  await unfit(t, context);
  await withoutHeaders(t, context);
  await lockedDown(t, context, given);
  stopBackends();
}

async function foreign(t: Checks, context: Context, given: readonly string[]): Promise<void> {
  await context.sh('insmod', context.modules['foreign']!);
  await expectOff(t, context, 'a foreign module of that name', given, /^KM_MODULE_FOREIGN: /, /rmmod kmesh/);
  t.ok(isInserted(), 'it is left alone');
  await context.sh('rmmod', 'kmesh');
}

async function oldCompiler(t: Checks, context: Context): Promise<void> {
  const { messages } = await expectOff(t, context, 'a compiler that is too old', [], /^KM_MODULE_COMPILER_MISMATCH: .*-fmin-function-alignment/, /apt-get install gcc-14/);
  t.match(messages, /^phase compile-module \(\d+\/\d+\): failed, \d+ ms; the node comes up without l7-http$/m, 'the phase says so');
  const strict = await Agent.start(context, { args: ['--require', 'l7'] });
  t.equal(await strict.ended(), 12, 'with --require l7 the start fails with the code of builds');
}

/** vermagic with the right release and other options: the kernel says what it wants. */
async function unfit(t: Checks, context: Context): Promise<void> {
  const file = path.join(context.folder, 'unfit.ko');
  const bytes = fs.readFileSync(context.modules['kmesh']!);
  const at = bytes.indexOf(`vermagic=${context.release} SMP`);
  bytes.write('XMP', at + `vermagic=${context.release} `.length);
  fs.writeFileSync(file, bytes);
  const { tail } = await expectOff(t, context, 'a module with other options', ['--module', file], /^KM_MODULE_FORMAT: /, /linux-headers/);
  t.match(tail, /^kernel: kmesh: version magic '.* XMP .*' should be '.* SMP .*'$/m, "the kernel's own words are in the error");
}

async function withoutHeaders(t: Checks, context: Context): Promise<void> {
  await context.sh('mount', '-t', 'tmpfs', 'none', '/usr/src');
  await expectOff(t, context, 'no headers', [], /^no kernel headers \(KM_HEADERS_DANGLING\): .*\/build/, new RegExp(`^apt-get install linux-headers-${context.release.replaceAll(/[+.]/g, '\\$&')}$`));
  await context.sh('umount', '/usr/src');
}

async function lockedDown(t: Checks, context: Context, given: readonly string[]): Promise<void> {
  if (!fs.existsSync(LOCKDOWN)) await context.sh('mount', '-t', 'securityfs', 'none', '/sys/kernel/security');
  fs.writeFileSync(LOCKDOWN, 'integrity');
  await expectOff(t, context, 'lockdown for integrity', given, /^the kernel only loads signed modules: .*lockdown is integrity$/, /--module/);
  fs.writeFileSync(LOCKDOWN, 'confidentiality');
  await expectOff(t, context, 'lockdown for confidentiality', given, /^eBPF programs may not read request heads: .*lockdown is confidentiality; /, /lockdown=integrity/);
  fs.writeFileSync('/proc/sys/kernel/modules_disabled', '1');
  await expectOff(t, context, 'modules that are closed', given, /modules can no longer be loaded: /, /reboot/);
}

/** An agent for whom L7 is off for this reason, and L4 on. @returns what it said, and the last lines of its error. */
async function expectOff(t: Checks, context: Context, what: string, args: readonly string[], reason: RegExp, remedy: RegExp): Promise<{ messages: string; tail: string }> {
  const agent = await Agent.start(context, { args });
  await agent.ready();
  const l7 = agent.capability('l7-http');
  t.equal([l7.state, agent.capability('l4-ipv4').state, agent.capability('l4-ipv6').state], ['off', 'on', 'on'], `${what}: L7 is off, L4 is on`);
  t.match(l7.reason, reason, `${what}: the reason`);
  t.match(l7.remedy ?? '', remedy, `${what}: the remedy`);
  t.match((await context.sh('curl', '-sS', '--noproxy', '*', '--max-time', '20', 'http://10.96.0.10/')).trim(), /^v[12]/, `${what}: connections are steered`);
  const error = agent.log.find((line) => line['error'] !== undefined)?.['error'] as { tail: string[] } | undefined;
  t.equal(await agent.stop(), 0, `${what}: it ends with 0`);
  return { messages: agent.messages(), tail: (error?.tail ?? []).join('\n') };
}
