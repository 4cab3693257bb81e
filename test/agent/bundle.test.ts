// SPDX-License-Identifier: Apache-2.0
// Bundles: written, read, and every way in which one can be refused.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { readBundle, writeBundle } from '../../agent/build/bundle.js';
import type { BuildManifest } from '../../agent/build/manifest.js';
import { readTar, writeTar } from '../../agent/build/tar.js';
import { bundle } from '../../agent/commands/bundle.js';
import type { Context } from '../../agent/context.js';
import { exec } from '../../agent/exec.js';
import type { AgentOptions } from '../../agent/options.js';
import { compileBpf } from '../../agent/phases/compileBpf.js';
import { compileModule } from '../../agent/phases/compileModule.js';
import { detectKernel } from '../../agent/phases/detectKernel.js';
import { readHelpers } from '../../agent/phases/readHelpers.js';
import { setMacros } from '../../agent/phases/setMacros.js';
import { yes } from '../../agent/probe/fact.js';
import { sys } from '../../agent/sys.js';
import { errno, temporaryFolder, testContext, type TestContext } from '../helpers/agentContext.js';
import { makeModuleFile } from '../helpers/moduleFile.js';

const digest = 'd'.repeat(64);
const MANIFEST: BuildManifest = {
  format: 1, version: '1.2.3', key: 'a'.repeat(64), compiler: 'clang of a test', moduleCompiler: null,
  identity: { release: '6.1.0-1-test', architecture: 'x86_64', configSha256: null, moduleSymversSha256: null, macros: {}, helperIds: {}, sources: { bpf: digest, module: null } },
};
const OBJECT = Buffer.from('an object');
const MODULE = readFileSync(makeModuleFile(t.testdir()));

t.test('an archive is one to tar, and one of tar is one here', async (t) => {
  const folder = temporaryFolder(t);
  const file = path.join(folder, 'b.tar');
  for (const size of [0, 1, 511, 512, 513]) {
    const content = Buffer.alloc(size, 7);
    writeFileSync(file, writeTar([{ name: 'one', content }, { name: 'two', content: OBJECT }]));
    execFileSync('tar', ['-xf', file, '-C', folder]);
    t.same(readFileSync(path.join(folder, 'one')), content, `${size} bytes`);
    execFileSync('tar', ['--format=ustar', '-cf', file, '-C', folder, 'one', 'two']);
    t.same(readTar(readFileSync(file), ['one', 'two']), [{ name: 'one', content }, { name: 'two', content: OBJECT }]);
  }
});

t.test('what is written is what is read, and the same build makes the same bytes', async (t) => {
  const bytes = writeBundle(MANIFEST, OBJECT, MODULE);
  t.same(writeBundle(MANIFEST, OBJECT, MODULE), bytes);
  t.match(readBundle(bytes), { manifest: { ...MANIFEST, vermagic: '6.1.0-1-test SMP preempt mod_unload modversions ' }, object: OBJECT, module: { bytes: MODULE, signed: false } });
  t.equal(readBundle(writeBundle(MANIFEST, OBJECT, undefined)).module, undefined);
});

t.test('hostile and damaged bundles', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(path.join(folder, 'good.tar'), writeBundle(MANIFEST, OBJECT, undefined));
  execFileSync('tar', ['-xf', 'good.tar'], { cwd: folder });
  symlinkSync('/etc/passwd', path.join(folder, 'kmesh.ko'));
  mkdirSync(path.join(folder, 'deep'));
  cpSync(path.join(folder, 'kmesh.bpf.o'), path.join(folder, 'deep/kmesh.bpf.o'));
  writeFileSync(path.join(folder, 'other'), '');
  const tar = (...args: string[]): Uint8Array => execFileSync('tar', ['-cf', '-', ...args], { cwd: folder });
  const good = readFileSync(path.join(folder, 'good.tar'));
  const changed = (at: number, byte: number): Uint8Array => { const bytes = Buffer.from(good); bytes[at] = byte; return bytes; };
  const manifestOf = (change: object): Uint8Array => writeTar([{ name: 'manifest.json', content: Buffer.from(JSON.stringify(change)) }, { name: 'kmesh.bpf.o', content: OBJECT }]);
  const whole = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as { identity: object; files: object };
  const objectAt = good.indexOf('an object');
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['nothing', Buffer.alloc(0), /ends in the middle, after 0 bytes/],
    ['text', Buffer.alloc(600, 'x'), /is no tar archive/],
    ['gzip', execFileSync('gzip', ['-c', path.join(folder, 'good.tar')]), /compressed \(gzip\)/],
    ['only the end', Buffer.alloc(1024), /has no manifest\.json/],
    ['a path that leaves the folder', tar('-P', '--transform', 's,^other,../../etc/cron.d/other,', 'other'), /"\.\.\/\.\.\/etc\/cron\.d\/other" does not belong/],
    ['an absolute path', tar('-P', path.join(folder, 'other')), /does not belong/],
    ['a path below', tar('deep/kmesh.bpf.o'), /"deep\/kmesh\.bpf\.o" does not belong/],
    ['a prefix', changed(345, 0x2f), /checksum/],
    ['a symbolic link', tar('kmesh.ko'), /"kmesh\.ko" in it is no regular file \(type "2"\)/],
    ['a folder', tar('deep'), /no regular file \(type "5"\)/],
    ['long names', tar('--format=gnu', '--transform', `s,^other,${'x'.repeat(200)},`, 'other'), /no regular file \(type "L"\)/],
    ['pax headers', tar('--format=pax', 'manifest.json'), /no regular file \(type "x"\)/],
    ['a name twice', Buffer.concat([good.subarray(0, -1024), good]), /manifest\.json is in it twice/],
    ['no manifest', tar('--format=ustar', 'kmesh.bpf.o'), /has no manifest\.json/],
    ['no object', tar('--format=ustar', 'manifest.json'), /kmesh\.bpf\.o is in its manifest, but not in it/],
    ['a flipped bit of a header', changed(3, 0x21), /checksum of a header is wrong/],
    ['a flipped bit of the object', changed(objectAt, 0x62), /kmesh\.bpf\.o in it is damaged: its digest is [0-9a-f]{12}, the manifest says [0-9a-f]{12}/],
    ['a manifest of another kind', manifestOf({ ...whole, kind: 'x' }), /manifest\.json cannot be understood \(kind: /],
    ['a later format', manifestOf({ ...whole, format: 2 }), /\(format: .*another version/],
    ['no JSON', writeTar([{ name: 'manifest.json', content: Buffer.from('{') }]), /\(no JSON\)/],
    ['a manifest that is too large', writeTar([{ name: 'manifest.json', content: Buffer.alloc(1 << 17, ' ') }]), /has 131072 bytes/],
    ['a module of another kernel', writeBundle({ ...MANIFEST, identity: { ...MANIFEST.identity, release: '6.1.0-2' } }, OBJECT, MODULE), /is the module kmesh for 6\.1\.0-1-test, its manifest says kmesh for 6\.1\.0-2/],
    ['another module', writeBundle(MANIFEST, OBJECT, readFileSync(makeModuleFile(folder, { name: 'other' }))), /is the module other/],
  ];
  for (const [name, bytes, message] of cases) t.throws(() => readBundle(bytes), { message }, name);
  for (let cut = 1; cut < good.length - 1024; cut += 101) t.throws(() => readBundle(good.subarray(0, cut)), `cut after ${cut} bytes`);
  const huge = Buffer.from(good);
  huge.write('77777777777\0', 124, 'latin1');
  t.throws(() => readBundle(huge), /checksum/);
  const sum = huge.subarray(0, 512).reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0);
  huge.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  t.throws(() => readBundle(huge), /ends in the middle of manifest\.json/, 'a size of 8 GiB');
});

/** This machine, but on a kernel of that release. */
function node(folder: string, options: Partial<AgentOptions> = {}, release = '6.1.0-1-test', without: readonly string[] = []): TestContext & { tools: string[] } {
  const tools: string[] = [];
  const run: Context['exec'] = (file, args, how) => (tools.push(file), exec(without.includes(file) ? '/nowhere/tool' : file, args, how));
  return Object.assign(testContext(folder, { options, exec: run, sys: { kernelRelease: release } }), { tools });
}

const PHASES = [detectKernel, readHelpers, setMacros, compileBpf];
const ALL = [...PHASES, compileModule];

async function up(ctx: TestContext): Promise<void> {
  for (const phase of PHASES) await phase.run(ctx);
}

const TOOLS = ['clang', 'make', 'gcc'];
const objectOf = (ctx: Context): Uint8Array => readFileSync(path.join(ctx.results.build!.objects, 'kmesh.bpf.o'));

t.test('a bundle takes the place of the compilers on a node of the same kernel', async (t) => {
  const [maker, user] = [node(temporaryFolder(t)), temporaryFolder(t)];
  const file = path.join(temporaryFolder(t), 'out/kmesh.tar');
  t.equal(await bundle(maker, ALL, file), 0);
  t.match(maker.lines.at(-1)?.msg, /wrote .*kmesh\.tar: the eBPF programs, without kmesh\.ko for Linux 6\.1\.0-1-test/);
  t.same(readdirSync(path.dirname(file)), ['kmesh.tar']);

  const bare = node(user, { bundle: file }, undefined, TOOLS);
  await up(bare);
  t.same(bare.tools, [], 'no tool is asked for anything');
  t.same(objectOf(bare), objectOf(maker));
  const again = node(user, { bundle: file }, undefined, TOOLS);
  await detectKernel.run(again);
  await readHelpers.run(again);
  await setMacros.plan(again);
  t.match(await compileBpf.plan(again), [/^nothing to compile/], 'the second start is warm');
  writeFileSync(path.join(bare.results.build!.objects, 'kmesh.bpf.o'), 'damaged');
  await up(again);
  t.same(objectOf(again), objectOf(maker), 'a damaged copy is taken from the bundle anew');
  const unpacked = node(user, {}, undefined, TOOLS);
  await up(unpacked);
  t.match(unpacked.lines.map(({ msg }) => msg).join('\n'), /clang is missing here; the build [0-9a-f]{12} of an earlier start with this kernel is used/, 'what the bundle left is an earlier build');

  const folder = path.dirname(file);
  writeFileSync(path.join(folder, 'a-broken.tar'), 'x');
  writeFileSync(path.join(folder, 'readme.txt'), 'no bundle');
  const picky = node(temporaryFolder(t), { bundle: folder }, undefined, TOOLS);
  await up(picky);
  t.match(picky.lines.filter(({ level }) => level === 40).map(({ msg }) => msg).join('\n'), /KM_BUNDLE_FILE: .*a-broken\.tar cannot be used/);
  t.same(picky.tools, []);

  const other = node(temporaryFolder(t), { bundle: file }, '6.1.0-2-test');
  await t.rejects(up(other), { code: 'KM_BUNDLE_UNFIT', exitCode: 12, detail: /kmesh\.tar \(made by agent .*\) is not for this node: kernel 6\.1\.0-1-test, here 6\.1\.0-2-test/, remedy: /agent\.js bundle/ });
  const lost = node(temporaryFolder(t), { bundle: folder }, '6.1.0-2-test', TOOLS);
  await t.rejects(up(lost), { code: 'KM_BUNDLE_UNFIT', detail: /no bundle in .* is for this node \(Linux 6\.1\.0-2-test on .*a-broken\.tar.*kmesh\.tar .*kernel 6\.1\.0-1-test/ });
  const able = node(temporaryFolder(t), { bundle: folder }, '6.1.0-2-test');
  await up(able);
  t.match(able.lines.map(({ msg }) => msg).join('\n'), /KM_BUNDLE_UNFIT.*what it lacks is compiled where that can be/);
  t.ok(able.tools.includes('make'));
  await t.rejects(up(node(temporaryFolder(t), { bundle: '/nowhere.tar' })), { code: 'KM_BUNDLE_FILE', detail: /ENOENT/ });
  await t.rejects(up(node(temporaryFolder(t), { bundle: temporaryFolder(t) }, undefined, TOOLS)), { code: 'KM_BUNDLE_UNFIT', detail: /holds no file \*\.tar/ });
});

t.test('a bundle with kmesh.ko needs no headers, and one without leaves it to the node', async (t) => {
  const root = temporaryFolder(t);
  const maker = node(root);
  await up(maker);
  const manifest = JSON.parse(readFileSync(path.join(maker.results.build!.folder, 'build.json'), 'utf8')) as BuildManifest;
  const file = path.join(root, 'with.tar');
  writeFileSync(file, writeBundle(manifest, objectOf(maker), MODULE));
  const user = node(temporaryFolder(t), { bundle: file }, undefined, TOOLS);
  await up(user);
  user.results.kernel = { ...user.results.kernel!, moduleSupport: yes('a test'), kprobes: yes('a test'), kernelReads: yes('a test'), moduleLoading: yes('a test'), unsignedModules: yes('a test') };
  user.results.kernelFiles = { ...user.results.kernelFiles!, headerTree: { ...user.results.kernelFiles!.headerTree, fact: { answer: 'no', evidence: 'none here' } } };
  t.equal(await compileModule.when?.(user), undefined);
  t.match(await compileModule.plan(user), [/^would take kmesh\.ko from the bundle .*with\.tar$/]);
  await compileModule.run(user);
  t.match(user.results.module, { name: 'kmesh', release: '6.1.0-1-test' });
  t.same(readFileSync(user.results.module?.path ?? ''), MODULE);
  t.same(user.tools, []);
});

t.test('a warm cache needs no clang, and a cold one does', async (t) => {
  const folder = temporaryFolder(t);
  await t.rejects(up(node(folder, {}, undefined, ['clang'])), { code: 'KM_CLANG_MISSING' });
  const before = node(folder);
  await up(before);
  const later = node(folder, {}, undefined, ['clang']);
  await up(later);
  t.match(later.lines.map(({ msg }) => msg).join('\n'), /clang is missing here; the build [0-9a-f]{12} of an earlier start with this kernel is used \(.*clang version/);
  t.equal(later.results.build?.key, before.results.build?.key);
  writeFileSync(path.join(later.results.build!.objects, 'kmesh.bpf.o'), 'damaged');
  await t.rejects(up(node(folder, {}, undefined, ['clang'])), { code: 'KM_CLANG_MISSING' }, 'a damaged build is none');
});

t.test('a bundle that cannot be written leaves nothing', async (t) => {
  const folder = temporaryFolder(t);
  const ctx = node(folder);
  const full: TestContext = { ...ctx, sys: { ...ctx.sys, writeFileAtomically: (file, data) => (file.endsWith('out.tar') ? Promise.reject(errno('ENOSPC')) : sys.writeFileAtomically(file, data)) } };
  await t.rejects(bundle(full, ALL, path.join(folder, 'out.tar')), { code: 'KM_BUNDLE_WRITE', exitCode: 18 });
  t.same(readdirSync(folder), ['state']);
  t.equal(await bundle(node(temporaryFolder(t), {}, undefined, ['clang']), ALL, path.join(folder, 'out.tar')), 12);
});
