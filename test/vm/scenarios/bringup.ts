// SPDX-License-Identifier: Apache-2.0
// A node over its life: the first start, the next one, a boot, another kernel with the same disk, a damaged build; and starts for
// which one input after the other is missing.
import fs from 'node:fs';
import path from 'node:path';
import { Agent, startBackends } from '../guest/agent.js';
import { mountKeptDisk } from '../guest/disks.js';
import type { Checks, Context } from '../guest/scenario.js';
import { traces } from '../guest/traces.js';
import { KMESH_MODULE } from '../proof/stage.js';

export const name = 'bringup';
export const limitSeconds = 1500;
export const boots = 2;
export const modules = KMESH_MODULE;

const STATE = '/var/lib/kmesh';
const BUILDS = path.join(STATE, 'build');

export async function run(t: Checks, context: Context): Promise<void> {
  await mountKeptDisk(context, STATE);
  const stopBackends = await startBackends(context);
  if (context.boot === 1) {
    await firstStarts(t, context);
  } else {
    await afterBoot(t, context);
    await withoutInputs(t, context);
  }
  stopBackends();
}

async function firstStarts(t: Checks, context: Context): Promise<void> {
  const ofOthers = builds();
  const used = (build: string): number => fs.statSync(path.join(BUILDS, build, 'build.json')).mtimeMs;
  const lastUsed = ofOthers.sort((a, b) => used(b) - used(a)).slice(0, 3);
  const cold = await start(t, context, ofOthers.length === 0 ? 'first start' : 'first start after a change of the kernel');
  const [own] = builds().filter((build) => !ofOthers.includes(build));
  t.ok(own !== undefined, 'it makes a build of its own', builds());
  t.equal(builds().sort(), [own, ...lastUsed].sort(), 'and keeps the three of other kernels that were used last, for the way back');

  const before = stamps();
  const warm = await start(t, context, 'second start');
  t.equal(stamps(), before, 'it compiles nothing');
  t.note(`to ready: ${cold} ms, the second time ${warm} ms`);

  const object = path.join(BUILDS, own!, 'bpf/kmesh.bpf.o');
  const bytes = fs.readFileSync(object);
  fs.writeFileSync(object, Buffer.concat([bytes.subarray(0, 4096), Buffer.from([bytes[4096]! ^ 1]), bytes.subarray(4097)]));
  await start(t, context, 'start with a flipped bit in the build');
  t.ok(fs.readFileSync(object).equals(bytes), 'the same object is there again');
}

async function afterBoot(t: Checks, context: Context): Promise<void> {
  const before = stamps();
  t.ok(Object.keys(before).length > 0, 'the builds are there after the boot');
  await start(t, context, 'start after a boot');
  t.equal(stamps(), before, 'it compiles nothing');
}

/** What a start must come to. `code`: it fails so; else it is ready, and L7 is on or off. */
interface Case {
  readonly what: string;
  hide(context: Context): Promise<() => Promise<unknown>>;
  readonly args?: readonly string[];
  readonly code?: readonly [exitCode: number, code: string];
  readonly l7?: 'off';
  /** Said by the agent. */
  readonly says?: RegExp;
}

const COLD = ['--state-dir', '/tmp/cold'];
const NO_HEADER = ['--bpf-header', '/nowhere/bpf.h'];

const CASES: readonly Case[] = [
  { what: 'bpf.h', hide: nothing, args: NO_HEADER, says: /^KM_HELPERS_MISSING: .*the running kernel's BTF answers in its place$/m },
  { what: "the kernel's BTF", hide: (context) => cover(context, '/sys/kernel/btf') },
  { what: "bpf.h and the kernel's BTF", hide: (context) => cover(context, '/sys/kernel/btf'), args: NO_HEADER, code: [11, 'KM_HELPERS_MISSING'] },
  { what: "the kernel's configuration", hide: ({ release }) => moveAway(configOf(release)) },
  { what: 'clang', hide: () => moveAway('/usr/bin/clang'), args: COLD, code: [12, 'KM_CLANG_MISSING'] },
  { what: 'make', hide: () => moveAway('/usr/bin/make'), args: COLD, code: [12, 'KM_MAKE_MISSING'] },
  { what: 'the sources of the programs', hide: ({ project }) => moveAway(path.join(project, 'bpf')), code: [12, 'KM_SOURCES'] },
  { what: 'insmod', hide: () => moveAway('/usr/sbin/insmod'), l7: 'off', says: /^KM_MODULE_TOOL: /m },
  { what: 'kmesh-daemon', hide: ({ project }) => moveAway(path.join(project, 'daemon.js')), code: [127, 'KM_DAEMON_MISSING'] },
  { what: 'a mounted cgroup2', hide: ({ sh }) => sh('umount', '/sys/fs/cgroup').then(() => () => sh('mount', '-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup')) },
  { what: 'a mounted debugfs', hide: ({ sh }) => sh('umount', '/sys/kernel/debug').then(() => () => sh('mount', '-t', 'debugfs', 'debugfs', '/sys/kernel/debug')) },
  { what: 'a writable state folder', hide: (context) => readOnly(context, '/tmp/read-only'), args: ['--state-dir', '/tmp/read-only'], code: [18, 'KM_STATE_DIR'] },
];

async function withoutInputs(t: Checks, given: Context): Promise<void> {
  // In a folder where files can be moved away.
  const project = path.join(given.folder, 'project');
  await given.sh('cp', '-a', given.project, project);
  const context = { ...given, project };
  for (const one of CASES) {
    const before = traces();
    const show = await one.hide(context);
    try {
      await tryCase(t, context, one);
    } finally {
      await show();
    }
    t.equal(traces(), before, `without ${one.what}: nothing is left`);
  }
}

async function tryCase(t: Checks, context: Context, { what, args = [], code, l7, says }: Case): Promise<void> {
  const title = `without ${what}`;
  const agent = await Agent.start(context, { args: ['--module', context.modules['kmesh']!, ...args] });
  if (code !== undefined) {
    t.equal([await agent.ended(), agent.errorCode()], code, `${title}: it fails with ${code[1]}`);
  } else {
    await agent.ready();
  }
  if (says !== undefined) t.match(agent.messages(), says, `${title}: it says so`);
  if (code !== undefined) return;
  const states = ['l4-ipv4', 'l4-ipv6', 'l7-http'].map((name) => agent.capability(name).state);
  t.equal(states, ['on', 'on', l7 ?? 'on'], `${title}: L4 is on, L7 is ${l7 ?? 'on'}`);
  t.match(await answer(context), /^v[12]/, `${title}: connections are steered`);
  t.equal(await agent.stop(), 0, `${title}: it ends with 0`);
}

/** @returns milliseconds from the agent's first line to "ready" */
async function start(t: Checks, context: Context, what: string): Promise<number> {
  const agent = await Agent.start(context, { args: ['--module', context.modules['kmesh']!] });
  const ready = await agent.ready();
  t.equal([agent.capability('l4-ipv4').state, agent.capability('l7-http').state], ['on', 'on'], `${what}: L4 and L7 are on`);
  t.match(await answer(context), /^v[12]/, `${what}: connections are steered`);
  t.equal(await agent.stop(), 0, `${what}: it ends with 0`);
  return Date.parse(String(ready['time'])) - Date.parse(String(agent.log[0]!['time']));
}

const answer = ({ sh }: Context): Promise<string> => sh('curl', '-sS', '--noproxy', '*', '--max-time', '20', 'http://10.96.0.10/');

const builds = (): string[] => (fs.existsSync(BUILDS) ? fs.readdirSync(BUILDS).filter((name) => /^[0-9a-f]{64}$/.test(name)).sort() : []);

/** When each compiled file was written. */
function stamps(): Record<string, number> {
  const files = builds().flatMap((build) => ['bpf/kmesh.bpf.o', 'module/kmesh.ko'].map((file) => path.join(BUILDS, build, file)));
  return Object.fromEntries(files.filter((file) => fs.existsSync(file)).map((file) => [file, fs.statSync(file).mtimeMs]));
}

/** Debian's newer packages have it beside the modules. */
function configOf(release: string): string {
  const file = [`/boot/config-${release}`, `/usr/lib/modules/${release}/config`].find((one) => fs.existsSync(one));
  if (file === undefined) throw new Error(`the configuration of ${release} is not where it is expected`);
  return file;
}

async function nothing(): Promise<() => Promise<void>> {
  return async () => {};
}

async function moveAway(file: string): Promise<() => Promise<void>> {
  fs.renameSync(file, `${file}.away`);
  return async () => fs.renameSync(`${file}.away`, file);
}

async function cover({ sh }: Context, folder: string): Promise<() => Promise<unknown>> {
  await sh('mount', '-t', 'tmpfs', 'none', folder);
  return () => sh('umount', folder);
}

async function readOnly({ sh }: Context, folder: string): Promise<() => Promise<unknown>> {
  fs.mkdirSync(folder, { recursive: true });
  await sh('mount', '-t', 'tmpfs', '-o', 'ro,mode=0700', 'none', folder);
  return () => sh('umount', folder);
}
