// SPDX-License-Identifier: Apache-2.0
// compile-module with the real make and gcc, against a folder that answers as a kernel's headers do: a real kernel's
// are for test/vm.
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { Context } from '../../agent/context.js';
import { KmeshError } from '../../agent/errors.js';
import { exec, ExecError } from '../../agent/exec.js';
import { findHeaderTree, type HeaderTree } from '../../agent/gather/headerTree.js';
import { findToolchain } from '../../agent/module/toolchain.js';
import { readGivenModule } from '../../agent/module/givenModule.js';
import { compileModule } from '../../agent/phases/compileModule.js';
import { detectKernel } from '../../agent/phases/detectKernel.js';
import { readHelpers } from '../../agent/phases/readHelpers.js';
import { setMacros } from '../../agent/phases/setMacros.js';
import type { KernelFacts } from '../../agent/probe/facts.js';
import { no, yes } from '../../agent/probe/fact.js';
import { kernelFacts } from '../../agent/probe/kernelFacts.js';
import { parseOsRelease } from '../../agent/probe/osRelease.js';
import { type Sys, sys } from '../../agent/sys.js';
import { errno, projectRoot, temporaryFolder, testContext, type TestContext } from '../helpers/agentContext.js';
import { headerTree, makeRoot } from '../helpers/capturedRoot.js';
import { makeModuleFile } from '../helpers/moduleFile.js';
import { enterSandbox, run } from '../helpers/sandbox.js';

await enterSandbox(import.meta.url);

const RELEASE = '6.1.0-1-test';

/** What kbuild does with external modules, for a module of one file. */
const HEADERS_MAKEFILE = `modules:
	@grep -q KM_REQUEST_ABI $(KMESH_INCLUDE)/kmesh/request.h
	@$(CC) -Wall -Werror -c $(M)/kmesh.c -o $(M)/kmesh.o
	@ld -r --build-id=sha1 -o $(M)/kmesh.ko $(M)/kmesh.o
`;
const SOURCE = ['name=kmesh', `vermagic=${RELEASE} SMP `].map((text, i) => `static const char i${i}[] __attribute__((section(".modinfo"), used)) = "${text}";`).join('\n');

interface Tap {
  teardown(work: () => unknown): void;
}

/** An install folder with sources of a module, and headers for a release. */
function install(t: Tap): { root: string; headers: string } {
  const root = temporaryFolder(t);
  const headers = path.join(root, 'headers');
  for (const folder of ['kernel/compat', 'bpf/include/kmesh']) mkdirSync(path.join(root, folder), { recursive: true });
  writeFileSync(path.join(root, 'kernel/Makefile'), '');
  writeFileSync(path.join(root, 'kernel/kmesh.c'), `#include "compat/x.h"\n${SOURCE}\n`);
  writeFileSync(path.join(root, 'kernel/compat/x.h'), '');
  writeFileSync(path.join(root, 'kernel/kmesh.ko'), 'built by hand, for another kernel');
  writeFileSync(path.join(root, 'bpf/Makefile'), '');
  writeFileSync(path.join(root, 'bpf/include/kmesh/request.h'), '#define KM_REQUEST_ABI 1\n');
  makeRoot(headers, headerTree('/', RELEASE, { makefile: HEADERS_MAKEFILE, config: ['CONFIG_CC_VERSION_TEXT="gcc (GCC) 12.2.0"'] }));
  return { root, headers };
}

/** The machine, but with that release, modules, and headers in one place of /usr/src. */
function machine(headers: string | undefined): Partial<Sys> {
  const place = `/usr/src/linux-headers-${RELEASE}`;
  const real = (file: string): string => (headers !== undefined && file.startsWith(place) ? headers + file.slice(place.length) : file);
  return {
    kernelRelease: RELEASE,
    stat: async (file) => (file === '/proc/modules' ? { kind: 'file', size: 0, modifiedMs: 0 } : sys.stat(real(file))),
    readText: async (file, maxBytes) => sys.readText(real(file), maxBytes),
    readLink: async (file) => sys.readLink(real(file)),
    sha256: async (file) => sys.sha256(real(file)),
  };
}

const FACTS: KernelFacts = { ...kernelFacts({ release: RELEASE, architecture: 'x86_64', osRelease: parseOsRelease('ID=debian') }), moduleSupport: yes('/proc/modules is there'), kprobes: yes('CONFIG_KPROBES=y') };

type Given = Pick<NonNullable<Parameters<typeof testContext>[1]>, 'exec' | 'options'>;

interface Ready extends Given {
  readonly headerTree?: HeaderTree;
  readonly facts?: Partial<KernelFacts>;
  readonly sys?: Partial<Sys>;
}

/** A context as set-macros leaves it. */
async function ready(root: string, headers: string, given: Ready = {}): Promise<TestContext> {
  const ctx = testContext(root, { root, ...given, sys: { kernelRelease: RELEASE, ...given.sys } });
  const found = await findHeaderTree({ ...sys, ...machine(headers) }, RELEASE);
  const tree = given.headerTree ?? { ...found, folder: headers, makeWords: ['-C', headers] };
  const folder = path.join(ctx.options.stateDir, 'build/k');
  ctx.results.kernel = { ...FACTS, ...given.facts };
  ctx.results.kernelFiles = { configText: undefined, headerTree: tree, libbpfVersion: undefined, memoryEventFiles: ['/x/memory.events'] };
  ctx.results.build = { key: 'k'.repeat(64), folder, include: folder, objects: path.join(folder, 'bpf'), module: path.join(folder, 'module') };
  ctx.results.toolchain = tree.compiler === undefined ? undefined : await findToolchain(ctx, tree.compiler);
  ctx.results.givenModule = await readGivenModule(ctx);
  return ctx;
}

const tools = (seen: string[]): Context['exec'] => (file, args, how) => (seen.push(file), exec(file, args, how));
const failing = (failure: Partial<ExecError['failure']>): Context['exec'] => async (file, args, how) => {
  if (file !== 'make') return exec(file, args, how);
  throw new ExecError({ reason: 'exit 2', command: 'make', exit: { code: 2, signal: undefined }, timedOut: false, tail: [], ...failure });
};

t.test('compiles from read-only sources, keeps kmesh.ko alone, and the same build is not compiled again', async (t) => {
  const { root, headers } = install(t);
  for (const folder of ['kernel', 'bpf']) {
    run('mount', ['--bind', path.join(root, folder), path.join(root, folder)]);
    run('mount', ['-o', 'remount,bind,ro', path.join(root, folder)]);
    t.teardown(() => run('umount', [path.join(root, folder)]));
  }
  const cold: string[] = [];
  const ctx = await ready(root, headers, { exec: tools(cold) });
  t.match(await compileModule.plan(ctx), [/^would copy .*\/kernel and run: make -s --no-print-directory -C .*\/headers M=.*\/kernel KMESH_INCLUDE=.*\/bpf\/include CC=gcc -j\d+ modules$/]);
  t.equal(await compileModule.when?.(ctx), undefined);
  await compileModule.run(ctx);
  t.match(ctx.results.module, { name: 'kmesh', release: RELEASE, buildId: /^[0-9a-f]{40}$/, path: path.join(ctx.results.build?.module ?? '', 'kmesh.ko') });
  t.same(readdirSync(ctx.results.build?.module ?? ''), ['kmesh.ko', 'sealed.json']);
  t.same(readdirSync(ctx.results.build?.folder ?? ''), ['build.lock', 'module']);
  t.ok(cold.includes('make'));

  const warm: string[] = [];
  const again = await ready(root, headers, { exec: tools(warm) });
  await compileModule.run(again);
  t.same(warm, ['gcc'], 'asked for its version only');
  t.equal(again.results.module?.buildId, ctx.results.module?.buildId);
  t.match(await compileModule.plan(again), [/^nothing to compile: /]);

  writeFileSync(again.results.module?.path ?? '', 'damaged');
  await compileModule.run(again);
  t.equal(warm.at(-1), 'make', 'a damaged module is compiled anew');
});

t.test("the compiler's lines are in the error, and nothing half-built stays", async (t) => {
  const { root, headers } = install(t);
  appendFileSync(path.join(root, 'kernel/kmesh.c'), 'int oops = undeclared_thing;\n');
  const ctx = await ready(root, headers);
  const error = await compileModule.run(ctx).then(() => undefined, (thrown: unknown) => thrown);
  t.match(error, { code: 'KM_MODULE_COMPILE', exitCode: 12, detail: /^kmesh\.ko could not be compiled: exit 2: make -s / });
  t.match((error as KmeshError).tail.join('\n'), /kernel\/kmesh\.c:\d+:\d+: error: .*undeclared_thing/);
  t.same(readdirSync(ctx.results.build?.folder ?? ''), ['build.lock']);
});

t.test('a make that makes nothing is not believed', async (t) => {
  const { root, headers } = install(t);
  writeFileSync(path.join(headers, 'Makefile'), 'modules:\n\t@true\n');
  await t.rejects(compileModule.run(await ready(root, headers)), { code: 'KM_STATE_DIR', detail: /kmesh\.ko/ });
});

t.test('the ways in which a build ends early', async (t) => {
  const { root, headers } = install(t);
  const cases: readonly (readonly [string, Partial<ExecError['failure']>, string])[] = [
    ['no make', { errno: 'ENOENT', exit: { code: undefined, signal: undefined } }, 'KM_MAKE_MISSING'],
    ['no end', { timedOut: true }, 'KM_BUILD_TIMEOUT'],
    ['a full disk', { tail: ['/tmp/cc.s: fatal error: No space left on device'] }, 'KM_STATE_DIR'],
  ];
  for (const [name, failure, code] of cases) await t.rejects(compileModule.run(await ready(root, headers, { exec: failing(failure) })), { code }, name);
});

t.test('killed for memory: by the own limit, or by a full machine', async (t) => {
  const { root, headers } = install(t);
  const killed = ['gcc: fatal error: Killed signal terminated program cc1', 'make[3]: *** [kmesh.o] Error 1'];
  const counting = (file: string): Partial<Sys> => {
    let kills = 3;
    return { readText: async (name, max) => (name === file ? `low 0\noom_kill ${(kills += 1)}\n` : sys.readText(name, max)) };
  };
  const build = async (file: string, tail: readonly string[]): Promise<void> => compileModule.run(await ready(root, headers, { exec: failing({ tail }), sys: counting(file) }));
  await t.rejects(build('/x/memory.events', ['error: something else']), { code: 'KM_BUILD_MEMORY', remedy: /limit/ });
  await t.rejects(build('/proc/vmstat', killed), { code: 'KM_BUILD_MEMORY' });
  await t.rejects(build('/proc/vmstat', ['error: something else']), { code: 'KM_MODULE_COMPILE' }, "somebody else's process was killed");
  await t.rejects(build('/nowhere', killed), { code: 'KM_MODULE_COMPILE' }, 'killed, but not for memory');
});

t.test('no compiler of the family', async (t) => {
  const { root, headers } = install(t);
  const ctx = await ready(root, headers, { exec: (file, args, how) => exec(file.startsWith('gcc') ? '/nowhere/gcc' : file, args, how) });
  await t.rejects(compileModule.run(ctx), { code: 'KM_MODULE_COMPILER', exitCode: 12, detail: /built by gcc \(GCC\) 12\.2\.0/ });
});

t.test('the compiler that built the kernel comes first, then the one that is there', async (t) => {
  const ctx = testContext(temporaryFolder(t), { exec: async (file) => (['gcc-12', 'gcc', 'clang'].includes(file) ? { stdout: `${file} of a test\n`, tail: [] } : exec('/nowhere/tool', [], { timeoutMs: 1000 })) });
  const gcc = (program: string | undefined) => findToolchain(ctx, { family: 'gcc', program, version: undefined });
  t.match(await gcc('gcc-12'), { program: 'gcc-12', version: 'gcc-12 of a test', makeWords: ['CC=gcc-12'] });
  t.match(await gcc('x86_64-linux-gnu-gcc-14'), { program: 'gcc', makeWords: ['CC=gcc'] });
  t.match(await gcc(undefined), { program: 'gcc' });
  t.match(await findToolchain(ctx, { family: 'clang', program: undefined, version: undefined }), { program: 'clang', makeWords: ['CC=clang'] });
  const bare = { ...ctx, exec: () => exec('/nowhere/tool', [], { timeoutMs: 1000 }) };
  t.equal(await findToolchain(bare, { family: 'gcc', program: 'gcc-12', version: undefined }), undefined);
});

t.test('without what it needs the phase is skipped, and says what to install', async (t) => {
  const { root, headers } = install(t);
  const none: HeaderTree = { fact: no('none of them holds a Makefile'), folder: undefined, compiler: undefined, uioHeader: undefined, moduleSymvers: undefined };
  t.match(await compileModule.when?.(await ready(root, headers, { headerTree: none })), { skip: 'no kernel headers: none of them holds a Makefile' });
  t.match(await compileModule.when?.(await ready(root, headers, { facts: { moduleSupport: no('gone') } })), { skip: /cannot load modules: gone/ });
  t.match(await compileModule.when?.(await ready(root, headers, { facts: { unsignedModules: no('secure boot') } })), { skip: /only loads signed modules: secure boot/ });
  t.match((await compileModule.plan(await ready(root, headers, { headerTree: none })))[0], /^would be skipped: no kernel headers/);
  const bare = temporaryFolder(t);
  t.match(await compileModule.when?.(await ready(bare, headers)), { skip: /no sources of kmesh\.ko: there is no .*\/kernel\/Makefile/ });
});

t.test('a tree that is named and unfit is a failure, not a reason to do without', async (t) => {
  const { root, headers } = install(t);
  const named = await findHeaderTree(sys, '6.1.0-2-test', headers);
  const ctx = await ready(root, headers, { headerTree: named });
  t.equal(await compileModule.when?.(ctx), undefined);
  t.match(await compileModule.plan(ctx), [/^would fail: KM_HEADERS_RELEASE: --kernel-headers: /]);
  await t.rejects(compileModule.run(ctx), { code: 'KM_HEADERS_RELEASE', exitCode: 12, detail: /is for 6\.1\.0-1-test, not for 6\.1\.0-2-test/ });
  const found = { ...named, namedBy: undefined };
  t.match(await compileModule.when?.(await ready(root, headers, { headerTree: found })), { skip: /^no kernel headers \(KM_HEADERS_RELEASE\): / });
});

t.test('--module is used instead of compiling', async (t) => {
  const { root, headers } = install(t);
  const module = makeModuleFile(temporaryFolder(t), { release: RELEASE });
  const seen: string[] = [];
  const ctx = await ready(root, headers, { options: { module }, exec: tools(seen), headerTree: { fact: no('none'), folder: undefined, compiler: undefined, uioHeader: undefined, moduleSymvers: undefined } });
  t.equal(await compileModule.when?.(ctx), undefined, 'without headers');
  t.match(await compileModule.plan(ctx), [`nothing to compile: ${module} is used`]);
  await compileModule.run(ctx);
  t.match(ctx.results.module, { path: module, release: RELEASE });
  t.same(seen, []);
  const signed = makeModuleFile(temporaryFolder(t), { release: RELEASE, signed: true });
  t.equal(await compileModule.when?.(await ready(root, headers, { options: { module: signed }, facts: { unsignedModules: no('secure boot') } })), undefined, 'a signed one under secure boot');
});

t.test('a --module that does not fit is told, and the module is compiled where it can be', async (t) => {
  const { root, headers } = install(t);
  const folder = temporaryFolder(t);
  writeFileSync(path.join(folder, 'text.ko'), 'no module');
  const cases: readonly (readonly [string, RegExp])[] = [
    [makeModuleFile(temporaryFolder(t), { release: '6.1.0-2-test' }), /is for 6\.1\.0-2-test, this kernel is 6\.1\.0-1-test/],
    [makeModuleFile(temporaryFolder(t), { name: 'other', release: RELEASE }), /is the module other, not kmesh/],
    [path.join(folder, 'text.ko'), /text\.ko cannot be used: ELF object/],
    [path.join(folder, 'none.ko'), /none\.ko cannot be used: ENOENT/],
    [folder, /cannot be used: EISDIR/],
  ];
  const none: HeaderTree = { fact: no('none'), folder: undefined, compiler: undefined, uioHeader: undefined, moduleSymvers: undefined };
  for (const [module, detail] of cases) {
    const ctx = await ready(root, headers, { options: { module } });
    await compileModule.run(ctx);
    t.match(ctx.lines.filter(({ level }) => level === 40).map(({ msg }) => msg), [/^KM_MODULE_FILE: .*; kmesh\.ko is compiled instead$/]);
    t.match(ctx.lines.map(({ msg }) => msg).join('\n'), detail);
    t.not(ctx.results.module?.path, module);
    const alone = await ready(root, headers, { options: { module }, headerTree: none });
    t.equal(await compileModule.when?.(alone), undefined);
    await t.rejects(compileModule.run(alone), { code: 'KM_MODULE_FILE', exitCode: 13, detail });
  }
});

t.test('what the module is made of decides the key', async (t) => {
  const { root, headers } = install(t);
  cpSync(path.join(projectRoot, 'bpf'), path.join(root, 'bpf'), { recursive: true });
  const keyOf = async (place = headers): Promise<string | undefined> => {
    const ctx = testContext(root, { root, sys: machine(place) });
    for (const phase of [detectKernel, readHelpers, setMacros]) await phase.run(ctx);
    return ctx.results.build?.key;
  };
  const keys = [await keyOf()];
  t.equal(await keyOf(), keys[0]);
  writeFileSync(path.join(root, 'kernel/kmesh.o'), 'left by a build by hand');
  t.equal(await keyOf(), keys[0], 'products of kbuild are no sources');
  appendFileSync(path.join(root, 'kernel/compat/x.h'), '/* changed */\n');
  keys.push(await keyOf());
  appendFileSync(path.join(headers, 'Module.symvers'), '0x00000001\tkfree\tvmlinux\tEXPORT_SYMBOL\n');
  keys.push(await keyOf());
  writeFileSync(path.join(headers, 'include/config/auto.conf'), 'CONFIG_CC_IS_CLANG=y\n');
  keys.push(await keyOf());
  keys.push(await keyOf('/nowhere'));
  t.equal(new Set(keys).size, keys.length);
});

t.test('sources that cannot be copied', async (t) => {
  const { root, headers } = install(t);
  const full = await ready(root, headers, { sys: { copyFile: () => Promise.reject(errno('ENOSPC')) } });
  await t.rejects(compileModule.run(full), { code: 'KM_STATE_DIR', exitCode: 18 });
  t.notOk(existsSync(full.results.build?.module ?? ''));
});
