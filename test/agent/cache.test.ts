// SPDX-License-Identifier: Apache-2.0
// The build cache in one process: what is damaged, cut off, old, in use, or made by somebody else.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { type BuildManifest, differences, type BuildIdentity } from '../../agent/build/manifest.js';
import { cleanup } from '../../agent/commands/cleanup.js';
import { useLock } from '../../agent/compile/locks.js';
import { removeOldBuilds } from '../../agent/compile/oldBuilds.js';
import { conditionOf, type Product, productFile, provide } from '../../agent/compile/sealed.js';
import { bpfProduct, buildAt, claimBuild, findShelved, moduleProduct } from '../../agent/compile/shelf.js';
import { kernelFacts } from '../../agent/probe/kernelFacts.js';
import { sys } from '../../agent/sys.js';
import { errno, temporaryFolder, testContext, type TestContext } from '../helpers/agentContext.js';

const RELEASE = '6.1.0-1-test';
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'].map((digit) => digit.repeat(64));
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const IDENTITY: BuildIdentity = {
  release: RELEASE, architecture: 'x86_64', configSha256: digest('config'), moduleSymversSha256: digest('symvers'),
  macros: { ENHANCED_KERNEL: 0, KM_HAVE_SET_RETVAL: 1, KERNEL_KFUNC: null }, helperIds: { strncpy: 210 }, sources: { bpf: digest('bpf'), module: digest('module') },
};
const manifest = (key: string): BuildManifest => ({ format: 1, version: '1', key, identity: IDENTITY, compiler: 'clang of a test', moduleCompiler: null });

function context(folder: string, given: NonNullable<Parameters<typeof testContext>[1]> = {}): TestContext {
  const ctx = testContext(folder, given);
  ctx.results.kernel = { ...kernelFacts({ release: RELEASE, architecture: 'x86_64' }), memoryLimitBytes: 64 << 20 };
  ctx.results.build = buildAt(ctx.options.stateDir, KEYS[0]!);
  return ctx;
}

const product = (ctx: TestContext): Product => bpfProduct(ctx.results.build!);
const place = (text: string) => async (partial: string): Promise<void> => {
  mkdirSync(partial, { recursive: true });
  writeFileSync(path.join(partial, 'kmesh.bpf.o'), text);
};
const warnings = ({ lines }: TestContext): string[] => lines.filter(({ level }) => level === 40).map(({ msg }) => msg);

t.test('every way in which a product is not what was sealed is told by name, and it is made anew', async (t) => {
  const cases: readonly (readonly [string, (file: string) => void, RegExp])[] = [
    ['one bit', (file) => { const bytes = readFileSync(file); bytes[1]! ^= 0x10; writeFileSync(file, bytes); }, /kmesh\.bpf\.o is damaged: its digest is [0-9a-f]{12}, it was sealed as [0-9a-f]{12}; it is made anew/],
    ['a torn write', (file) => truncateSync(file, 2), /its digest is/],
    ['an empty seal', (file) => writeFileSync(path.join(path.dirname(file), 'sealed.json'), ''), /its seal is no seal/],
    ['a seal of zeros', (file) => writeFileSync(path.join(path.dirname(file), 'sealed.json'), Buffer.alloc(80)), /its seal is no seal/],
    ['no object', (file) => writeFileSync(file, ''), /is damaged/],
  ];
  for (const [name, damage, told] of cases) {
    const folder = temporaryFolder(t);
    t.ok(await provide(context(folder), product(context(folder)), place('object')), name);
    const ctx = context(folder);
    t.notOk(await provide(ctx, product(ctx), place('other')), 'it is not made twice');
    t.same(warnings(ctx), []);
    damage(productFile(product(ctx)));
    t.ok(await provide(ctx, product(ctx), place('object')));
    t.match(warnings(ctx), [told]);
    t.match(await conditionOf(ctx, product(ctx)), { state: 'whole' });
    t.same(readdirSync(ctx.results.build!.folder).sort(), ['bpf', 'build.lock']);
  }
});

t.test('what reaches the disk, and in which order', async (t) => {
  const events: string[] = [];
  const note = <Args extends readonly unknown[]>(name: string, call: (...args: Args) => Promise<void>) => (...args: Args): Promise<void> => {
    events.push([name, ...args.slice(0, name === 'rename' ? 2 : 1).map((file) => path.basename(String(file)).replace(/-[0-9a-f]+$/, ''))].join(' '));
    return call(...args);
  };
  const ctx = context(temporaryFolder(t), { sys: { sync: note('sync', sys.sync), rename: note('rename', sys.rename), writeFileAtomically: note('write', sys.writeFileAtomically) } });
  await provide(ctx, product(ctx), place('object'));
  t.same(events, ['sync kmesh.bpf.o', 'write sealed.json', 'rename bpf.partial bpf', `sync ${KEYS[0]}`], 'contents, seal (which syncs its folder), name');
});

t.test('what an agent that was killed began is removed, and told with the limit', async (t) => {
  const ctx = context(temporaryFolder(t));
  const { folder } = ctx.results.build!;
  for (const rest of ['bpf.partial', 'bpf.partial-0badcafe', 'module.partial-1']) mkdirSync(path.join(folder, rest), { recursive: true });
  await provide(ctx, product(ctx), place('object'));
  t.same(readdirSync(folder).sort(), ['bpf', 'build.lock', 'module.partial-1'], 'the module is for compile-module');
  t.match(warnings(ctx), [/ended while it made .*kmesh\.bpf\.o; running out of the memory limit of 64 MiB looks like this/, /ended while/]);
});

t.test('two agents that want the same build: the second waits and takes what the first made', async (t) => {
  const folder = temporaryFolder(t);
  let finish: () => void = () => {};
  let begun: () => void = () => {};
  const [first, second] = [context(folder), context(folder, { sys: { sleep: async () => finish() } })];
  const started = new Promise<void>((resolve) => (begun = resolve));
  const making = provide(first, product(first), async (partial) => {
    begun();
    await new Promise<void>((resolve) => (finish = resolve));
    await place('of the first')(partial);
  });
  await started;
  t.equal(await provide(second, product(second), () => Promise.reject(new Error('made twice'))), false);
  t.ok(await making);
  t.match(second.lines.map(({ msg }) => msg), [/another agent holds .*build\.lock; this one waits/, /was made by another agent meanwhile/]);
  t.equal(readFileSync(productFile(product(second)), 'utf8'), 'of the first');
});

t.test('an agent that waits can be stopped, and does not wait for ever', async (t) => {
  const folder = temporaryFolder(t);
  const holder = context(folder);
  mkdirSync(holder.results.build!.folder, { recursive: true });
  const lock = await sys.tryLock(path.join(holder.results.build!.folder, 'build.lock'), 'exclusive');
  t.teardown(() => lock?.release());
  let now = 0;
  const patient = context(folder, { sys: { now: () => now, sleep: async (ms) => void (now += ms * 1000) } });
  await t.rejects(provide(patient, product(patient), place('x')), { code: 'KM_BUILD_TIMEOUT', detail: /another agent has held .*build\.lock for 3600 s/ });
  const stopped = context(folder, { sys: { sleep: async () => stopped.abort() } });
  await t.rejects(provide(stopped, product(stopped), place('x')), { code: 'KM_BUILD_TIMEOUT', detail: /^stopped while/ });
});

t.test('where locks cannot be had the build is made all the same, and told', async (t) => {
  const ctx = context(temporaryFolder(t), { sys: { tryLock: () => Promise.reject(errno('ENOLCK')) } });
  t.ok(await provide(ctx, product(ctx), place('object')));
  t.match(warnings(ctx), [/another agent that shares the folder would not be noticed/]);
});

/** Builds with the age of their last use in hours, and their size. */
function shelve(ctx: TestContext, builds: readonly (readonly [number, number?])[]): void {
  for (const [i, [hours, bytes = 1]] of builds.entries()) {
    const build = buildAt(ctx.options.stateDir, KEYS[i + 1]!);
    mkdirSync(build.objects, { recursive: true });
    writeFileSync(path.join(build.objects, 'kmesh.bpf.o'), '');
    truncateSync(path.join(build.objects, 'kmesh.bpf.o'), bytes);
    writeFileSync(path.join(build.folder, 'build.json'), JSON.stringify(manifest(build.key)));
    const when = 1_700_000_000 - hours * 3600;
    utimesSync(path.join(build.folder, 'build.json'), when, when);
  }
}

const kept = (ctx: TestContext): string => KEYS.slice(1).filter((key) => existsSync(buildAt(ctx.options.stateDir, key).folder)).map((key) => key[0]).join('');

t.test('builds go by their last use: more than three others, or more than 128 MiB together', async (t) => {
  const MIB = 2 ** 20;
  const cases: readonly (readonly [string, readonly (readonly [number, number?])[], string])[] = [
    ['count', [[5], [1], [4], [2], [3]], 'cef'],
    ['bytes', [[1, 100 * MIB], [2, 60 * MIB], [3, 20 * MIB]], 'bd'],
    ['both', [[1, 200 * MIB], [2], [3], [4]], 'cd'],
  ];
  for (const [name, builds, expected] of cases) {
    const ctx = context(temporaryFolder(t));
    shelve(ctx, builds);
    await claimBuild(ctx, ctx.results.build!, manifest(KEYS[0]!));
    t.equal(kept(ctx), expected, name);
  }
});

t.test('never the build that another agent uses, also at the command cleanup', async (t) => {
  const folder = temporaryFolder(t);
  const ctx = context(folder);
  shelve(ctx, [[1], [2], [3], [4], [5]]);
  const used = buildAt(ctx.options.stateDir, KEYS[5]!);
  const lock = await sys.tryLock(useLock(used.folder), 'shared');
  await claimBuild(ctx, ctx.results.build!, manifest(KEYS[0]!));
  t.equal(kept(ctx), 'bcdf');

  const clean = context(folder);
  t.equal(await cleanup(clean), 0);
  t.match(warnings(clean).join('\n'), new RegExp(`another agent uses the build .*${used.key}; it stays`));
  t.equal(kept(clean), 'f');
  lock?.release();
});

t.test('a build that cannot be removed keeps nobody from starting', async (t) => {
  const ctx = context(temporaryFolder(t), { sys: { removeTree: () => Promise.reject(errno('EROFS')) } });
  shelve(ctx, [[1], [2], [3], [4]]);
  mkdirSync(ctx.results.build!.folder, { recursive: true });
  await removeOldBuilds(ctx);
  t.match(warnings(ctx), [/cannot be removed: EROFS/]);
});

t.test('an earlier build is found by what it was made for, whatever compiled it, and only when it is whole', async (t) => {
  const ctx = context(temporaryFolder(t));
  const find = async (identity: Partial<BuildIdentity> = {}, withModule = false): Promise<string | undefined> => (await findShelved(ctx, { ...IDENTITY, ...identity }, withModule))?.build.key[0];
  for (const key of KEYS.slice(1, 3)) {
    ctx.results.build = buildAt(ctx.options.stateDir, key);
    (await claimBuild(ctx, ctx.results.build, manifest(key))).release();
    await provide(ctx, bpfProduct(ctx.results.build), place('object'));
  }
  utimesSync(path.join(buildAt(ctx.options.stateDir, KEYS[1]!).folder, 'build.json'), 1000, 1000);
  t.equal(await find(), 'c', 'the one that was used last');
  t.equal(await find({}, true), undefined, 'none has kmesh.ko');
  t.equal(await find({ moduleSymversSha256: null, configSha256: null }), 'c', 'what this node does not know is no difference');
  const others: readonly Partial<BuildIdentity>[] = [{ release: '6.1.0-2-test' }, { architecture: 'aarch64' }, { configSha256: digest('x') }, { sources: { ...IDENTITY.sources, bpf: digest('x') } }, { helperIds: {} }, { macros: { ...IDENTITY.macros, ENHANCED_KERNEL: 1 } }];
  for (const other of others) t.equal(await find(other), undefined, Object.keys(other).join());
  writeFileSync(productFile(product(ctx)), 'damaged');
  t.equal(await find(), 'b', 'one that is damaged is passed over');
  const older = buildAt(ctx.options.stateDir, KEYS[1]!);
  await provide(ctx, moduleProduct(older), async (partial) => (mkdirSync(partial), writeFileSync(path.join(partial, 'kmesh.ko'), 'module')));
  t.equal(await find({}, true), 'b');
  writeFileSync(path.join(older.folder, 'build.json'), JSON.stringify(manifest(KEYS[4]!)));
  t.equal(await find(), undefined, 'a manifest that names another key is not believed');
});

t.test('differences are named', async (t) => {
  t.same(differences(IDENTITY, IDENTITY), []);
  const other: BuildIdentity = { ...IDENTITY, release: '6.1.0-2-test', sources: { bpf: digest('y'), module: null }, helperIds: { strncpy: 211, strnlen: 5 }, macros: { ...IDENTITY.macros, KM_HAVE_SET_RETVAL: 0, KERNEL_KFUNC: 1 } };
  t.same(differences(IDENTITY, other), [
    'kernel 6.1.0-1-test, here 6.1.0-2-test',
    `sources of the eBPF programs ${digest('bpf').slice(0, 12)}, here ${digest('y').slice(0, 12)}`,
    'macro KM_HAVE_SET_RETVAL 1, here 0',
    'helper strncpy 210, here 211',
    'helper strnlen absent, here 5',
  ]);
});
