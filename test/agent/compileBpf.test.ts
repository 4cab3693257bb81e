// SPDX-License-Identifier: Apache-2.0
// set-macros and compile-bpf with the real make and clang, on copies of the sources.
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { buildJobs } from '../../agent/build/jobs.js';
import { reportCapabilities } from '../../agent/capabilityReport.js';
import { no } from '../../agent/probe/fact.js';
import type { Context } from '../../agent/context.js';
import { exec, ExecError } from '../../agent/exec.js';
import { compileBpf } from '../../agent/phases/compileBpf.js';
import { detectKernel } from '../../agent/phases/detectKernel.js';
import { readHelpers } from '../../agent/phases/readHelpers.js';
import { setMacros } from '../../agent/phases/setMacros.js';
import { projectRoot, temporaryFolder, testContext, type TestContext } from '../helpers/agentContext.js';
import { objectImage } from '../helpers/faults/kernelModule.js';
import { enterSandbox, run } from '../helpers/sandbox.js';

await enterSandbox(import.meta.url);

/** An install folder with sources that a test may spoil. */
function install(t: { teardown(work: () => unknown): void }): string {
  const root = temporaryFolder(t);
  cpSync(path.join(projectRoot, 'bpf'), path.join(root, 'bpf'), { recursive: true });
  return root;
}

type Given = Pick<NonNullable<Parameters<typeof testContext>[1]>, 'exec' | 'sys' | 'options'>;

async function decided(root: string, given: Given = {}): Promise<TestContext> {
  const ctx = testContext(root, { root, ...given });
  for (const phase of [detectKernel, readHelpers, setMacros]) await phase.run(ctx);
  return ctx;
}

/** The tools that are run, by name. */
function counting(): { tools: string[]; exec: Context['exec'] } {
  const tools: string[] = [];
  return { tools, exec: (file, args, options) => (tools.push(file), exec(file, args, options)) };
}

const objectOf = (ctx: Context): string => path.join(ctx.results.build?.objects ?? '', 'kmesh.bpf.o');

t.test('compiles from read-only sources, and the same build is not compiled again', async (t) => {
  const root = install(t);
  run('mount', ['--bind', path.join(root, 'bpf'), path.join(root, 'bpf')]);
  run('mount', ['-o', 'remount,bind,ro', path.join(root, 'bpf')]);
  t.teardown(() => run('umount', [path.join(root, 'bpf')]));
  const cold = counting();
  const first = await decided(root, { exec: cold.exec });
  await compileBpf.run(first);
  t.equal(readFileSync(objectOf(first)).subarray(0, 4).toString('latin1'), '\x7fELF');
  t.match(cold.tools, ['clang', 'make']);

  const warm = counting();
  const second = await decided(root, { exec: warm.exec });
  await compileBpf.run(second);
  t.equal(second.results.build?.key, first.results.build?.key);
  t.same(warm.tools, ['clang'], 'asked for its version only');
  t.match(await compileBpf.plan(second), [/^nothing to compile/]);

  writeFileSync(objectOf(second), 'damaged');
  await compileBpf.run(second);
  t.equal(warm.tools.at(-1), 'make', 'a damaged object is compiled anew');
});

t.test('what the compiler sees decides the key, and old builds go', async (t) => {
  const root = install(t);
  const before = await decided(root);
  appendFileSync(path.join(root, 'bpf/include/kmesh/layout.h'), '\n/* changed */\n');
  const after = await decided(root);
  t.not(after.results.build?.key, before.results.build?.key);
  const builds = path.join(after.options.stateDir, 'build');
  for (let age = 1; age <= 5; age += 1) {
    const old = path.join(builds, String(age).repeat(64));
    mkdirSync(old);
    utimesSync(old, 1000 - age, 1000 - age);
  }
  await compileBpf.run(after);
  const again = await decided(root);
  await compileBpf.run(again);
  t.same(readdirSync(builds).filter((name) => name !== 'builds.lock').sort(), ['1'.repeat(64), '2'.repeat(64), before.results.build?.key, after.results.build?.key].sort(), 'this one and the three others that were used last');
  t.ok(existsSync(objectOf(after)));
});

t.test("an error of the compiler ends up in the agent's error, and nothing half-built stays", async (t) => {
  const root = install(t);
  appendFileSync(path.join(root, 'bpf/kmesh.bpf.c'), '\nint oops = undeclared_thing;\n');
  const ctx = await decided(root);
  const error = await compileBpf.run(ctx).then(() => undefined, (thrown: unknown) => thrown);
  t.match(error, { code: 'KM_BPF_COMPILE', exitCode: 12, detail: /exit 2: make --no-print-directory -C / });
  t.match((error as { tail: string[] }).tail.join('\n'), /kmesh\.bpf\.c:\d+:\d+: error: use of undeclared identifier 'undeclared_thing'/);
  t.same(readdirSync(ctx.results.build?.folder ?? ''), ['build.json', 'build.lock', 'include', 'use.lock']);
});

t.test('a compiler that succeeds and leaves no programs: nothing of it is kept', async (t) => {
  const root = install(t);
  const leaving = (bytes: string | Uint8Array | undefined): Context['exec'] => async (file, args, options) => {
    if (file !== 'make') return exec(file, args, options);
    const folder = args.find((word) => word.startsWith('O='))?.slice(2) ?? '';
    mkdirSync(folder);
    if (bytes !== undefined) writeFileSync(path.join(folder, 'kmesh.bpf.o'), bytes);
    return { stdout: '', tail: [] };
  };
  const native = objectImage();
  native.writeUInt16LE(62, 18);
  for (const [name, left, detail] of [['nothing', undefined, /it is not there/], ['an empty file', '', /no bytes/], ['text', 'int main;', /ELF/], ['a cut one', objectImage().subarray(0, 100), /ELF/], ['one for the CPU', native, /machine 62/]] as const) {
    const ctx = await decided(root, { exec: leaving(left) });
    await t.rejects(compileBpf.run(ctx), { code: 'KM_BPF_GARBAGE', exitCode: 12, detail, remedy: /clang/ }, name);
    t.same(readdirSync(ctx.results.build?.folder ?? ''), ['build.json', 'build.lock', 'include', 'use.lock'], name);
  }
  const bundled = await decided(root);
  bundled.results.prebuilt = { title: 'the bundle of a test', object: Buffer.from('garbage'), module: undefined };
  await t.rejects(compileBpf.run(bundled), { code: 'KM_BUNDLE_FILE', detail: /the bundle of a test holds no eBPF object/ });
  const whole = await decided(root, { exec: leaving(objectImage()) });
  await compileBpf.run(whole);
  t.ok(existsSync(objectOf(whole)));
});

t.test('tools that are not there', async (t) => {
  const root = install(t);
  const without = (tool: string): Given => ({ exec: (file, args, options) => exec(file === tool ? '/nowhere/tool' : file, args, options) });
  await t.rejects(decided(root, without('clang')), { code: 'KM_CLANG_MISSING', remedy: /clang/ });
  const noMake = await decided(root, without('make'));
  await t.rejects(compileBpf.run(noMake), { code: 'KM_MAKE_MISSING', detail: /ENOENT/ });
  await t.rejects(decided(temporaryFolder(t)), { code: 'KM_SOURCES' });
});

t.test('a compiler that was killed for memory is reported as that', async (t) => {
  const root = install(t);
  let kills = 3;
  const failing = (timedOut: boolean): Context['exec'] => async (file, args, options) => {
    if (file !== 'make') return exec(file, args, options);
    if (!timedOut) kills += 1;
    throw new ExecError({ reason: 'exit 2', command: 'make', exit: { code: 2, signal: undefined }, timedOut, tail: ['clang: error: unable to execute command: Killed'] });
  };
  const real = testContext(root).sys;
  const readText: typeof real.readText = async (file, max) => (/memory\.(events|oom_control)$/.test(file) ? `low 0\noom_kill ${kills}\n` : real.readText(file, max));
  await t.rejects(compileBpf.run(await decided(root, { exec: failing(false), sys: { readText } })), { code: 'KM_BUILD_MEMORY', remedy: /limit/ });
  await t.rejects(compileBpf.run(await decided(root, { exec: failing(true), sys: { readText } })), { code: 'KM_BUILD_TIMEOUT' });
});

t.test('a full disk is the state folder, not the sources', async (t) => {
  const root = install(t);
  const full: Context['exec'] = async (file, args, options) => {
    if (file !== 'make') return exec(file, args, options);
    // As clang says it.
    throw new ExecError({ reason: 'exit 2', command: 'make', exit: { code: 2, signal: undefined }, timedOut: false, tail: ['fatal error: error in backend: IO failure on output stream: No space left on device'] });
  };
  await t.rejects(compileBpf.run(await decided(root, { exec: full })), { code: 'KM_STATE_DIR', exitCode: 18, remedy: /free space/ });
});

t.test('a state folder that cannot be written', async (t) => {
  const root = install(t);
  writeFileSync(path.join(root, 'file'), '');
  await t.rejects(decided(root, { options: { stateDir: path.join(root, 'file/state') } }), { code: 'KM_STATE_DIR', exitCode: 18 });
});

t.test('--require turns a degraded start into a failed one, before anything is compiled', async (t) => {
  const root = install(t);
  const tools = counting();
  await t.rejects(decided(root, { exec: tools.exec, options: { require: ['l4-ipv4', 'l7-http'] } }), { code: 'KM_REQUIRED_CAPABILITY', exitCode: 17, detail: /^required by --require: l7-http is off: / });
  t.notOk(tools.tools.includes('make'));
});

t.test('the capability table tells a start that failed', async (t) => {
  const ctx = await decided(install(t));
  await reportCapabilities(ctx, no('the start failed: KM_BPF_COMPILE'));
  const [line, ...more] = ctx.lines.filter((one) => one['capabilities'] !== undefined);
  t.same(more, []);
  t.match(line?.['capabilities'], [{ name: 'l4-ipv4', state: 'off', reason: 'the start failed: KM_BPF_COMPILE' }, { name: 'l4-ipv6' }, { name: 'l7-http', state: 'off' }]);
});

const MIB = 2 ** 20;
const jobs: readonly (readonly [number, number | undefined, number | undefined, number])[] = [
  [8, undefined, undefined, 8],
  [8, 1.5, undefined, 2],
  [8, undefined, 400 * MIB, 2],
  [8, 4, 100 * MIB, 1],
  [1, 16, 4096 * MIB, 1],
  [4, 0.1, undefined, 1],
];

t.test('jobs follow the limits of the own cgroup', async (t) => {
  for (const [cpus, cpuLimit, memory, expected] of jobs) t.equal(buildJobs({ cpus, cpuLimit, memoryLimitBytes: memory }, 160 * MIB), expected, `${cpus} CPUs, limits ${cpuLimit} and ${memory}`);
});
