// SPDX-License-Identifier: Apache-2.0
// insert-module on a kernel of the test's own.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { KmeshError } from '../../agent/errors.js';
import { ExecError } from '../../agent/exec.js';
import type { ModuleFile } from '../../agent/gather/moduleFile.js';
import { insertModule } from '../../agent/phases/insertModule.js';
import { no, yes } from '../../agent/probe/fact.js';
import { kernelFacts } from '../../agent/probe/kernelFacts.js';
import type { Results } from '../../agent/results.js';
import { sealed } from '../../agent/stateFiles.js';
import { sys } from '../../agent/sys.js';
import { errno, temporaryFolder, testContext, type TestContext } from '../helpers/agentContext.js';
import { FakeKernel, type FakeKernelOptions, type FakeModule } from '../helpers/fakeModules.js';

const ABI = 1;
const FILE: ModuleFile = { path: '/build/kmesh.ko', name: 'kmesh', vermagic: '6.1.0 SMP ', release: '6.1.0', buildId: 'aa11', signed: false };
const NEW: FakeModule = { buildId: 'aa11', abi: ABI };
const OLD = { buildId: 'bb22', abi: ABI, accepting: true } as const;

interface Stage {
  readonly kernel: FakeKernel;
  readonly ctx: TestContext;
  readonly pins: readonly string[];
}

const FACTS = kernelFacts({ release: '6.1.0', architecture: 'x86_64' });

function stage(t: { teardown(work: () => unknown): void }, options: FakeKernelOptions, results: Partial<Results> = { module: FILE }): Stage {
  const folder = temporaryFolder(t);
  const kernel = new FakeKernel({ files: { [FILE.path]: { ...NEW } }, ...options });
  mkdirSync(path.join(folder, 'bpf/include/kmesh'), { recursive: true });
  writeFileSync(path.join(folder, 'bpf/include/kmesh/request.h'), `/* text */\n#define KM_REQUEST_ABI ${ABI}\n`);
  const kernelFiles = { configText: undefined, headerTree: { fact: yes('headers'), folder: '/h', compiler: undefined, uioHeader: undefined, moduleSymvers: undefined }, libbpfVersion: undefined, memoryEventFiles: [] };
  const ctx = testContext(folder, { root: folder, sys: kernel.sys, exec: kernel.exec, options: { bpfFsPath: path.join(folder, 'bpffs') }, results: { kernel: FACTS, kernelFiles, ...results } });
  const pins = ['request', 'request_next'].map((name) => path.join(ctx.options.bpfFsPath, 'bpf_kmesh/links', name));
  for (const pin of pins) {
    mkdirSync(path.dirname(pin), { recursive: true });
    writeFileSync(pin, '');
  }
  return { kernel, ctx, pins };
}

const undo = insertModule.undo ?? (() => Promise.reject(new Error('no undo')));
const warnings = (ctx: TestContext): string => ctx.lines.filter(({ level }) => level === 40).map(({ msg }) => msg).join('\n');

t.test('loads what was compiled, and has it accept sockets', async (t) => {
  const { kernel, ctx } = stage(t, {});
  t.equal(await insertModule.when?.(ctx), undefined);
  await insertModule.run(ctx);
  t.same(kernel.events, ['insmod /build/kmesh.ko', 'log closed', 'accepting=1']);
  t.match(ctx.results.moduleState, { answer: 'yes', evidence: 'kmesh.ko is in the kernel (build aa11, inserted)' });
  await undo(ctx, 'run');
  t.equal(kernel.loaded, undefined, 'a failed start takes it out again');
});

t.test('the same build is kept, and a failed start leaves it as it was', async (t) => {
  const { kernel, ctx } = stage(t, { loaded: { ...NEW, accepting: true } });
  await insertModule.run(ctx);
  await undo(ctx, 'run');
  t.same(kernel.events, ['accepting=1'], 'no tool was run');
  t.match(ctx.results.moduleState?.evidence, /aa11, loaded already/);

  const asleep = stage(t, { loaded: { ...NEW, accepting: false } });
  await insertModule.run(asleep.ctx);
  t.equal(asleep.kernel.loaded?.accepting, true, 'what did not accept sockets does again');
  await undo(asleep.ctx, 'run');
  t.match(asleep.kernel.loaded, { accepting: false });
});

t.test('another build is replaced: no more takeovers, drained, the pin given up, then removed', async (t) => {
  const { kernel, ctx, pins } = stage(t, { loaded: { ...OLD, deferred: 3 }, drainMs: 40 });
  await insertModule.run(ctx);
  t.same(kernel.events, ['accepting=0', ...pins.map((pin) => `unlink ${pin}`), 'rmmod kmesh', 'insmod /build/kmesh.ko', 'log closed', 'accepting=1']);
  t.ok(kernel.now >= 120, 'it waited for the connections that were held back');
  t.match(ctx.lines.map(({ msg }) => msg).join('\n'), /another build of kmesh\.ko is loaded \(bb22\); it is replaced[^]*held back 3 connections, now 0/);
  await undo(ctx, 'run');
  t.match(kernel.loaded, { buildId: 'aa11', accepting: false }, 'after a failed start it stays, but holds nothing back: nothing is attached to it');
});

t.test('a build without an id is never taken for the same one', async (t) => {
  const { kernel, ctx } = stage(t, { loaded: { abi: ABI, accepting: true } }, { module: { ...FILE, buildId: undefined } });
  await insertModule.run(ctx);
  t.ok(kernel.events.includes('rmmod kmesh'));
});

t.test('references that are given up a little later are waited for', async (t) => {
  const rmmodSays = ['Module kmesh is in use', 'could not remove module kmesh: Resource temporarily unavailable', 'could not remove module kmesh: Device or resource busy'];
  const { kernel, ctx } = stage(t, { loaded: { ...OLD }, rmmodSays });
  await insertModule.run(ctx);
  t.equal(kernel.events.filter((event) => event === 'rmmod kmesh').length, 4);
  t.match(kernel.loaded, { buildId: 'aa11' });
});

t.test('what cannot be replaced goes on if it speaks to the programs, and what holds it is named', async (t) => {
  const loaded = { ...OLD, deferred: 2, armed: 1, references: 4 };
  const { kernel, ctx } = stage(t, { loaded, drainMs: 1e9, fallbackMs: 300 });
  await insertModule.run(ctx);
  t.match(warnings(ctx), /KM_MODULE_IN_USE: kmesh is in use: references: 4; connections held back: 2; sockets taken over that have not connected yet: 1/);
  t.match(ctx.results.moduleState, { answer: 'yes', evidence: /bb22, another build, which cannot be replaced now/ });
  t.equal(kernel.loaded?.accepting, true);
  t.ok(kernel.now >= 1300 && kernel.now < 10_000, 'fallback time and a margin, then some seconds of tries');
  await undo(ctx, 'run');
  t.equal(kernel.loaded?.accepting, false, 'its link to the tracepoint is gone');
});

t.test('what cannot be replaced and speaks another version is told to stop', async (t) => {
  const { kernel, ctx } = stage(t, { loaded: { ...OLD, abi: ABI + 1, references: 1 }, rmmodSays: Array<string>(100).fill('Module kmesh is in use') });
  await t.rejects(insertModule.run(ctx), { code: 'KM_MODULE_IN_USE', exitCode: 13 });
  t.equal(kernel.loaded?.accepting, false);
});

t.test('a module that could not be built now is not missed when an earlier run loaded one', async (t) => {
  const { kernel, ctx } = stage(t, { loaded: { ...OLD } }, {});
  t.equal(await insertModule.when?.(ctx), undefined);
  await insertModule.run(ctx);
  t.same(kernel.events, ['accepting=1']);
  t.match(ctx.results.moduleState, { answer: 'yes', evidence: /bb22, of an earlier run; none could be built now/ });

  const foreign = stage(t, { loaded: { ...OLD, abi: ABI + 1 } }, {});
  await t.rejects(insertModule.run(foreign.ctx), { code: 'KM_MODULE_ABI', exitCode: 13, detail: /shows requests in version 2, the eBPF programs read version 1/ });
  t.equal(foreign.kernel.loaded?.accepting, false, 'it does not hold back what nobody can read');
});

t.test('without a module the phase is skipped with everything in the way', async (t) => {
  const failed = new KmeshError('KM_MODULE_COMPILE', 'exit 2: make');
  const { ctx } = stage(t, {}, { kernel: { ...FACTS, kprobes: no('CONFIG_KPROBES is not set') }, forgone: new Map([['l7-http', failed]]) });
  t.match(await insertModule.when?.(ctx), { skip: /without kprobes: CONFIG_KPROBES is not set; .*KM_MODULE_COMPILE: exit 2: make/ });
  t.match((await insertModule.plan(ctx))[0], /^would be skipped: /);
});

t.test('a module of the same name that is not ours is never touched', async (t) => {
  const { kernel, ctx } = stage(t, { loaded: { buildId: 'cc', accepting: true } });
  await t.rejects(insertModule.run(ctx), { code: 'KM_MODULE_FOREIGN', remedy: /rmmod kmesh/ });
  await undo(ctx, 'all');
  t.same(kernel.events, []);
  t.match(warnings(ctx), /not of this project/);
});

t.test('a module that hangs in its start or its end', async (t) => {
  for (const state of ['Loading', 'Unloading'] as const) {
    const { kernel, ctx } = stage(t, { loaded: { ...NEW, state } });
    await t.rejects(insertModule.run(ctx), { code: 'KM_MODULE_IN_USE', detail: new RegExp(`in the state ${state}`) });
    t.same(kernel.events, []);
  }
});

/** [errno as insmod says it, what the kernel logs, code, what the tail must show] */
const refusals: readonly (readonly [string, readonly string[], string, RegExp])[] = [
  ['Invalid module format', ["kmesh: version magic 'a' should be 'b'"], 'KM_MODULE_FORMAT', /kernel: kmesh: version magic 'a' should be 'b'/],
  ['Key was rejected by service', ['Loading of unsigned module is rejected'], 'KM_MODULE_SIGNATURE', /unsigned module is rejected/],
  ['Operation not permitted', ['Lockdown: insmod: unsigned module loading is restricted'], 'KM_MODULE_LOCKDOWN', /Lockdown/],
  ['Operation not permitted', ['usb 1-1: new device'], 'KM_MODULE_DENIED', /^insmod: ERROR[^\n]*$/],
  ['Unknown symbol in module', ['kmesh: Unknown symbol tcp_prot (err -2)'], 'KM_MODULE_SYMBOL', /tcp_prot/],
  ['Cannot allocate memory', [], 'KM_MODULE_MEMORY', /allocate/],
  ['Operation not supported', ['kmesh: self-test of the parser failed'], 'KM_MODULE_INIT', /self-test of the parser/],
];

t.test('a refusal of the kernel has a code, and the kernel says why', async (t) => {
  for (const [insmodSays, logs, code, tail] of refusals) {
    const { ctx, kernel } = stage(t, { insmodSays, logs });
    const error = await insertModule.run(ctx).then(() => undefined, (thrown: unknown) => thrown);
    t.match(error, { code, exitCode: 13, detail: /\/build\/kmesh\.ko/ }, insmodSays);
    t.match((error as KmeshError).tail.join('\n'), tail);
    t.equal(kernel.events.at(-1), 'log closed');
    t.equal(ctx.results.moduleState, undefined);
  }
  const { ctx } = stage(t, { insmodSays: 'Invalid module format', mute: true });
  await t.rejects(insertModule.run(ctx), { code: 'KM_MODULE_FORMAT', tail: [/Invalid module format/] }, 'also where the log may not be read');
});

t.test('two that load at the same time', async (t) => {
  const { ctx, kernel } = stage(t, {});
  const race = (other: FakeModule): TestContext => ({ ...ctx, exec: async (file, args, how) => (file === 'insmod' && (kernel.loaded ??= { ...other }), kernel.exec(file, args, how)) });
  await insertModule.run(race({ ...NEW, accepting: true }));
  t.match(ctx.results.moduleState?.evidence, /loaded already/);
  kernel.loaded = undefined;
  await t.rejects(insertModule.run(race({ ...OLD })), { code: 'KM_MODULE_IN_USE', detail: /in the same moment/ });
});

t.test('tools that are not there', async (t) => {
  const without = (tool: string, kernel: FakeKernel, ctx: TestContext): TestContext => ({
    ...ctx,
    exec: async (file, args, how) => {
      if (file !== tool) return kernel.exec(file, args, how);
      throw new ExecError({ reason: 'could not be started (ENOENT)', command: tool, exit: { code: undefined, signal: undefined }, errno: 'ENOENT', timedOut: false, tail: [] });
    },
  });
  const fresh = stage(t, {});
  await t.rejects(insertModule.run(without('insmod', fresh.kernel, fresh.ctx)), { code: 'KM_MODULE_TOOL', detail: /insmod/, remedy: /insmod and rmmod/ });
  const old = stage(t, { loaded: { ...OLD, abi: ABI + 1 } });
  await t.rejects(insertModule.run(without('rmmod', old.kernel, old.ctx)), { code: 'KM_MODULE_TOOL', detail: /rmmod/ });
});

t.test('insmod is found where shells of users do not look, and speaks English', async (t) => {
  const { ctx, kernel } = stage(t, {});
  let env: Readonly<Record<string, string>> | undefined;
  await insertModule.run({ ...ctx, sys: { ...ctx.sys, env: { PATH: '/usr/bin' } }, exec: (file, args, how) => ((env = how.env), kernel.exec(file, args, how)) });
  t.same(env, { PATH: '/usr/bin:/usr/sbin:/sbin', LC_ALL: 'C' });
});

t.test('without a PATH no insmod is taken from the folder that the agent was started in', async (t) => {
  for (const given of [{}, { PATH: '' }]) {
    const { ctx, kernel } = stage(t, {});
    let searched: string | undefined;
    await insertModule.run({ ...ctx, sys: { ...ctx.sys, env: given }, exec: (file, args, how) => ((searched = how.env?.['PATH']), kernel.exec(file, args, how)) });
    t.equal(searched, '/usr/sbin:/sbin', 'an empty name in it is the current folder');
  }
});

t.test('a kernel that never unloads', async (t) => {
  const { ctx, kernel } = stage(t, { loaded: { ...OLD, abi: ABI + 1 }, rmmodSays: ['Module unloading is not supported'] });
  await t.rejects(insertModule.run(ctx), { code: 'KM_MODULE_REMOVE', tail: [/not supported/] });
  t.equal(kernel.events.filter((event) => event === 'rmmod kmesh').length, 1, 'no second try');
});

t.test('a stop of the node removes it, whoever loaded it', async (t) => {
  for (const loaded of [{ ...NEW, accepting: true }, undefined]) {
    const { kernel, ctx, pins } = stage(t, { loaded });
    await insertModule.run(ctx);
    await undo(ctx, 'all');
    t.equal(kernel.loaded, undefined);
    t.notOk(pins.some((pin) => existsSync(pin)));
    await undo(ctx, 'all');
    t.equal(kernel.events.filter((event) => event === 'rmmod kmesh').length, 1, 'once');
  }
});

t.test('not while another agent runs on this state folder', async (t) => {
  const { kernel, ctx } = stage(t, { loaded: { ...OLD } });
  const namespace = await sys.readLink('/proc/self/ns/pid');
  const stat = await sys.readText(`/proc/${process.ppid}/stat`, 4096);
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  mkdirSync(ctx.options.stateDir, { recursive: true });
  const bootId = (await sys.readText('/proc/sys/kernel/random/boot_id', 64)).trim();
  writeFileSync(path.join(ctx.options.stateDir, 'processes.json'), sealed({ bootId, namespace, agent: { pid: process.ppid, startTime } }));
  await t.rejects(insertModule.run(ctx), { code: 'KM_AGENT_RUNNING' });
  t.same(kernel.events, [], 'its module is left alone');
});

t.test('the kernel takes the module away while it is put to use', async (t) => {
  const { ctx } = stage(t, { loaded: { ...NEW, accepting: true } });
  const gone = { ...ctx, sys: { ...ctx.sys, writeExisting: () => Promise.reject(errno('ENOENT')) } };
  await t.rejects(insertModule.run(gone), { code: 'KM_MODULE_REMOVE', detail: /was removed while/ });
});
