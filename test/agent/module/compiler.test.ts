// SPDX-License-Identifier: Apache-2.0
// Which compiler is used for kmesh.ko, and what is said before make when none will do.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { HeaderTree } from '../../../agent/gather/headerTree.js';
import { checkCompiler } from '../../../agent/module/compilerFit.js';
import { findToolchain } from '../../../agent/module/toolchain.js';
import { demandsOn } from '../../../agent/probe/compilerRules.js';
import { yes } from '../../../agent/probe/fact.js';
import { parseKconfig } from '../../../agent/probe/kconfig.js';
import { kernelCompiler } from '../../../agent/probe/kernelCompiler.js';
import { exec } from '../../../agent/exec.js';
import { sys } from '../../../agent/sys.js';
import { temporaryFolder, testContext, type TestContext } from '../../helpers/agentContext.js';

interface Tap {
  teardown(work: () => unknown): void;
}

/** Programs by name with the first line of their --version, in a PATH of their own. `refuses`: options that they do not know. */
function withPrograms(t: Tap, programs: Readonly<Record<string, string>>, refuses: readonly string[] = []): TestContext & { readonly asked: string[] } {
  const folder = temporaryFolder(t);
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  const asked: string[] = [];
  for (const [name, version] of Object.entries(programs)) {
    const refusals = refuses.map((option) => `*" ${option} "*) echo "error: unrecognized command-line option '${option}'" >&2; exit 1;;`).join('\n');
    writeFileSync(path.join(bin, name), `#!/bin/sh\n[ "$1" = --version ] && echo '${version}' && exit 0\ncase " $* " in\n${refusals}\n*) exit 0;;\nesac\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
  const ctx = testContext(folder, {
    sys: { env: { PATH: bin }, list: async (place) => sys.list(place) },
    exec: (file, args, how) => (asked.push([file, ...args].join(' ')), exec(path.join(bin, file), args, how)),
  });
  return Object.assign(ctx, { asked });
}

const gcc = (major: number): string => `gcc-${major} (Debian ${major}.2.0-1) ${major}.2.0`;
const clang = (major: number): string => `Debian clang version ${major}.0.6`;
const tree = (lines: string): HeaderTree => {
  const config = parseKconfig(lines);
  return { fact: yes('a test'), folder: '/h', config, compiler: kernelCompiler(config), uioHeader: undefined, moduleSymvers: undefined };
};
const GCC12 = `CONFIG_CC_VERSION_TEXT="${gcc(12)}"\nCONFIG_GCC_VERSION=120200\nCONFIG_CLANG_VERSION=0`;
const CLANG15 = `CONFIG_CC_IS_CLANG=y\nCONFIG_LD_IS_LLD=y\nCONFIG_CC_VERSION_TEXT="${clang(15)}"\nCONFIG_GCC_VERSION=0\nCONFIG_CLANG_VERSION=150006`;

t.test('the best of several', async (t) => {
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, string | undefined])[] = [
    ['the program itself', { gcc: gcc(13), 'gcc-12': gcc(12) }, 'gcc-12'],
    ['the same major under another name', { gcc: 'gcc (GCC) 12.4.1 20240507', 'gcc-13': gcc(13) }, 'gcc'],
    ['the nearest newer', { gcc: gcc(14), 'gcc-11': gcc(11), 'gcc-13': gcc(13) }, 'gcc-13'],
    ['the nearest older', { gcc: gcc(9), 'gcc-10': gcc(10) }, 'gcc-10'],
    ['one without a version that can be read', { gcc: 'gcc of a vendor' }, 'gcc'],
    ['not clang', { clang: clang(15), 'clang-14': clang(14) }, undefined],
    ['not what only looks like it', { 'gcc-ar-12': gcc(12), 'gcc-12.sh': gcc(12) }, undefined],
  ];
  for (const [name, programs, expected] of cases) t.equal((await findToolchain(withPrograms(t, programs), kernelCompiler(parseKconfig(GCC12))))?.program, expected, name);
  const named = withPrograms(t, { gcc: gcc(13), 'gcc-12': gcc(12), 'gcc-14': gcc(14) });
  await findToolchain(named, kernelCompiler(parseKconfig(GCC12)));
  t.same(named.asked, ['gcc-12 --version'], 'and no more are asked than must be');
});

t.test('how kbuild is told', async (t) => {
  const words = async (config: string, programs: Readonly<Record<string, string>>): Promise<readonly string[] | undefined> => (await findToolchain(withPrograms(t, programs), kernelCompiler(parseKconfig(config))))?.makeWords;
  t.same(await words(GCC12, { 'gcc-12': gcc(12) }), ['CC=gcc-12']);
  t.same(await words(`${GCC12}\nCONFIG_LD_IS_LLD=y`, { 'gcc-12': gcc(12) }), ['CC=gcc-12', 'LD=ld.lld']);
  t.same(await words(CLANG15, { clang: clang(15) }), ['LLVM=1']);
  t.same((await words(CLANG15, { clang: clang(14), 'clang-15': clang(15) }))?.slice(0, 4), ['LLVM=-15', 'CC=clang-15', 'LD=ld.lld-15', 'AR=llvm-ar-15']);
  t.same(await words(CLANG15.replace('CONFIG_LD_IS_LLD=y\n', ''), { clang: clang(15) }), ['CC=clang'], 'a kernel linked by GNU ld');
});

t.test('what a configuration demands', async (t) => {
  const options = (lines: string, family: 'gcc' | 'clang' = 'gcc'): readonly string[] => demandsOn(parseKconfig(lines), family).flatMap((one) => one.options);
  t.same(options('CONFIG_INIT_STACK_ALL_ZERO=y\nCONFIG_SLS=y'), ['-ftrivial-auto-var-init=zero', '-mharden-sls=all']);
  t.same(options('CONFIG_MITIGATION_RETPOLINE=y'), ['-mindirect-branch=thunk-extern', '-mindirect-branch-register']);
  t.same(options('CONFIG_MITIGATION_RETPOLINE=y', 'clang'), ['-mretpoline-external-thunk']);
  t.same(options('CONFIG_FUNCTION_ALIGNMENT=16\nCONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=y'), ['-fmin-function-alignment=16']);
  t.same(options('CONFIG_FUNCTION_ALIGNMENT=16'), [], 'the kernel has -falign-functions then, which all know');
  t.same(options('# CONFIG_SLS is not set\nCONFIG_FUNCTION_ALIGNMENT=0\nCONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=y'), []);
});

t.test('a compiler that lacks what is demanded is told before make, each option with its setting', async (t) => {
  const config = `${GCC12}\nCONFIG_INIT_STACK_ALL_ZERO=y\nCONFIG_SLS=y\nCONFIG_STACKPROTECTOR_STRONG=y`;
  const ctx = withPrograms(t, { 'gcc-10': gcc(10) }, ['-ftrivial-auto-var-init=zero', '-mharden-sls=all']);
  const found = (await findToolchain(ctx, kernelCompiler(parseKconfig(config))))!;
  t.equal(found.program, 'gcc-10');
  await t.rejects(checkCompiler(ctx, tree(config), found), {
    code: 'KM_MODULE_COMPILER_MISMATCH',
    exitCode: 12,
    detail: 'the kernel was built by gcc-12 (Debian 12.2.0-1) 12.2.0; gcc-10 here (gcc-10 (Debian 10.2.0-1) 10.2.0) does not have what it demands: -ftrivial-auto-var-init=zero (CONFIG_INIT_STACK_ALL_ZERO); -mharden-sls=all (CONFIG_SLS)',
  });
});

t.test('one that differs and will do is used with a note; the same one without', async (t) => {
  const config = `${GCC12}\nCONFIG_INIT_STACK_ALL_ZERO=y\nCONFIG_SLS=y`;
  const notes = async (programs: Readonly<Record<string, string>>): Promise<readonly string[]> => {
    const ctx = withPrograms(t, programs);
    await checkCompiler(ctx, tree(config), (await findToolchain(ctx, kernelCompiler(parseKconfig(config))))!);
    return ctx.lines.filter(({ level }) => level === 30).map(({ msg }) => msg);
  };
  t.match(await notes({ gcc: gcc(13) }), [/^the kernel was built by gcc-12 .*; gcc \(gcc-13 .*\) has what it demands and is used$/]);
  t.same(await notes({ 'gcc-12': gcc(12) }), []);
});

t.test('plugins and link-time optimisation need the same version; lld has to be there', async (t) => {
  const check = async (config: string, programs: Readonly<Record<string, string>>): Promise<void> => {
    const ctx = withPrograms(t, programs);
    await checkCompiler(ctx, tree(config), (await findToolchain(ctx, kernelCompiler(parseKconfig(config))))!);
  };
  const mismatch = (detail: RegExp) => ({ code: 'KM_MODULE_COMPILER_MISMATCH', detail });
  const plugin = `${GCC12}\nCONFIG_GCC_PLUGINS=y\nCONFIG_GCC_PLUGIN_LATENT_ENTROPY=y`;
  await t.rejects(check(plugin, { gcc: gcc(13) }), mismatch(/CONFIG_GCC_PLUGIN_LATENT_ENTROPY: only version 12 of the compiler will do, not 13/));
  await check(plugin, { gcc: gcc(12) });
  await check(`${GCC12}\nCONFIG_GCC_PLUGINS=y`, { gcc: gcc(13) });
  await t.rejects(check(`${CLANG15}\nCONFIG_LTO_CLANG=y`, { clang: clang(16), 'ld.lld': 'LLD 16' }), mismatch(/CONFIG_LTO_CLANG: only version 15/));
  await t.rejects(check(CLANG15, { clang: clang(15) }), mismatch(/CONFIG_LD_IS_LLD: the linker ld\.lld is not here/));
  await t.rejects(check(CLANG15, { 'clang-15': clang(15), 'ld.lld': 'LLD 14' }), mismatch(/the linker ld\.lld-15 is not here/));
  await check(CLANG15, { clang: clang(15), 'ld.lld': 'LLD 15' });
});

t.test('pahole that is missing is a note, and kbuild is not to call it', async (t) => {
  const toolchain = { program: 'gcc-12', version: gcc(12), makeWords: ['CC=gcc-12'] };
  const btf = tree(`${GCC12}\nCONFIG_DEBUG_INFO_BTF_MODULES=y`);
  const ctx = withPrograms(t, { 'gcc-12': gcc(12) });
  t.same(await checkCompiler(ctx, btf, toolchain), ['CONFIG_DEBUG_INFO_BTF_MODULES=']);
  t.match(ctx.lines.at(-1), { level: 30, msg: /^pahole is not here/ });
  t.same(await checkCompiler(withPrograms(t, { 'gcc-12': gcc(12), pahole: 'v1.24' }), btf, toolchain), []);
  t.same(await checkCompiler(ctx, tree(GCC12), toolchain), [], 'nor where the kernel has none');
});

t.test('a real compiler knows an option or does not', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  const ask = (lines: string): Promise<unknown> => checkCompiler(ctx, tree(lines), { program: 'gcc', version: 'x', makeWords: ['CC=gcc'] });
  await ask('CONFIG_STACKPROTECTOR_STRONG=y');
  await t.rejects(ask('CONFIG_STACKPROTECTOR_STRONG=y\nCONFIG_FUNCTION_ALIGNMENT=7\nCONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=y'), { code: 'KM_MODULE_COMPILER_MISMATCH', detail: /demands: -fmin-function-alignment=7 \(CONFIG_FUNCTION_ALIGNMENT\)$/ });
});
