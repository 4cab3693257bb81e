// SPDX-License-Identifier: Apache-2.0
// Before insmod: by the rules of the kernel, with the modules that are installed for its release.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { expectedDifferences } from '../../../agent/module/predict.js';
import { type ModuleVersions, moduleVersions, versionDifferences } from '../../../agent/probe/moduleVersions.js';
import { exec } from '../../../agent/exec.js';
import { sys } from '../../../agent/sys.js';
import { errno, temporaryFolder, testContext, type TestContext } from '../../helpers/agentContext.js';

const RELEASE = '6.1.0-1-test';
const TAIL = 'SMP preempt mod_unload modversions ';

interface Tap {
  teardown(work: () => unknown): void;
}

/** A module with a vermagic and checksums, in the short form or the long one. */
function makeModule(folder: string, vermagic: string, checksums: Readonly<Record<string, number>> = {}, form: 'short' | 'long' = 'short'): string {
  const [source, object] = [path.join(folder, 'm.c'), path.join(folder, 'm.ko')];
  const at = (section: string): string => `__attribute__((section("${section}"), used))`;
  const info = ['name=kmesh', `vermagic=${vermagic}`].map((text, i) => `static const char i${i}[] ${at('.modinfo')} = ${JSON.stringify(text)};`);
  const entries = Object.entries(checksums);
  const short = `static const struct { unsigned long crc; char name[56]; } v[] ${at('__versions')} = { ${entries.map(([name, crc]) => `{ ${crc}u, "${name}" }`).join(', ')} };`;
  const long = `static const unsigned c[] ${at('__version_ext_crcs')} = { ${entries.map(([, crc]) => `${crc}u`).join(', ')} };\nstatic const char n[] ${at('__version_ext_names')} = "${entries.map(([name]) => name).join('\\0')}";`;
  writeFileSync(source, [...info, entries.length === 0 ? '' : form === 'short' ? short : long].join('\n'));
  execFileSync('gcc', ['-c', source, '-o', object]);
  return object;
}

t.test('checksums are read in both forms', async (t) => {
  const expected = { module_layout: 0xdeadbeef, tcp_prot: 7 };
  for (const form of ['short', 'long'] as const) {
    const { vermagic, checksums } = moduleVersions(readFileSync(makeModule(temporaryFolder(t), `${RELEASE} ${TAIL}`, expected, form)));
    t.same([vermagic, Object.fromEntries([...checksums].filter(([name]) => name !== ''))], [`${RELEASE} ${TAIL}`, expected], form);
  }
});

t.test("the kernel's rules", async (t) => {
  const versions = (vermagic: string, checksums: Readonly<Record<string, number>> = {}): ModuleVersions => ({ vermagic, checksums: new Map(Object.entries(checksums)) });
  const [a, b] = [`6.1.0-1 ${TAIL}`, `6.1.0-2 ${TAIL}`];
  t.same(versionDifferences(versions(a), versions(a)), []);
  t.same(versionDifferences(versions(a), versions(b)), ['the module is for 6.1.0-1, the kernel is 6.1.0-2'], 'without checksums the release counts');
  t.same(versionDifferences(versions(a, { x: 1 }), versions(b, { x: 1 })), [], 'with checksums it does not');
  t.same(versionDifferences(versions(a, { x: 1 }), versions(b)), ['the module is for 6.1.0-1, the kernel is 6.1.0-2'], 'on one side only it does');
  t.same(versionDifferences(versions('6.1.0-1 SMP', { x: 1 }), versions('6.1.0-1 SMP preempt', { x: 1 })), ['only the kernel has preempt']);
  t.same(versionDifferences(versions(a, { x: 1, y: 2, only: 3 }), versions(a, { x: 1, y: 9 })), ['checksums differ of y']);
  const many = Object.fromEntries('abcdefg'.split('').map((name) => [name, 1]));
  t.same(versionDifferences(versions(a, many), versions(a, Object.fromEntries(Object.keys(many).map((name) => [name, 2])))), ['checksums differ of a, b, c, d, e and 2 more']);
});

/** A node on which that module is installed, packed by a tool or not. */
function node(t: Tap, reference: string, ending: '' | '.xz' | '.zst' | '.gz', tools: TestContext['exec'] = exec): TestContext {
  const root = temporaryFolder(t);
  const place = `/lib/modules/${RELEASE}/kernel/net/tls`;
  mkdirSync(path.join(root, place), { recursive: true });
  writeFileSync(path.join(root, place, 'tls.ko'), readFileSync(reference));
  if (ending !== '') execFileSync({ '.xz': 'xz', '.zst': 'zstd', '.gz': 'gzip' }[ending], ['-q', ...(ending === '.zst' ? ['--rm'] : []), path.join(root, place, 'tls.ko')]);
  const real = (file: string): string => (file.startsWith('/lib/modules/') ? root + file : file);
  return testContext(root, {
    exec: tools,
    sys: { kernelRelease: RELEASE, stat: async (file) => sys.stat(real(file)), readBytes: async (file, max) => sys.readBytes(real(file), max), copyFile: async (from, to) => sys.copyFile(real(from), to) },
  });
}

t.test('an installed module speaks for the kernel, however it is packed', async (t) => {
  const reference = makeModule(temporaryFolder(t), `${RELEASE} ${TAIL}`, { module_layout: 1, tcp_prot: 2 });
  const ours = makeModule(temporaryFolder(t), `${RELEASE} ${TAIL}`, { module_layout: 1, tcp_prot: 3 });
  for (const ending of ['', '.xz', '.zst', '.gz'] as const) {
    const ctx = node(t, reference, ending);
    t.same(await expectedDifferences(ctx, ours), ['checksums differ of tcp_prot'], `packed by ${ending}`);
    t.same(await expectedDifferences(ctx, reference), []);
    t.notOk(existsSync(path.join(ctx.options.stateDir, 'reference.partial')), 'nothing stays');
  }
});

t.test('what cannot be read is not known', async (t) => {
  const ours = makeModule(temporaryFolder(t), `${RELEASE} ${TAIL}`);
  const other = makeModule(temporaryFolder(t), `6.2.0 ${TAIL}`);
  t.match(await expectedDifferences(node(t, other, ''), ours), [/the kernel is 6\.2\.0/]);
  t.same(await expectedDifferences(node(t, other, '.xz', (file, args, how) => exec(`/nowhere/${file}`, args, how)), ours), [], 'no xz');
  t.same(await expectedDifferences(testContext(temporaryFolder(t), { sys: { kernelRelease: '0.0.0-none' } }), ours), [], 'no modules');
  const failing = node(t, other, '');
  t.same(await expectedDifferences({ ...failing, sys: { ...failing.sys, stat: () => Promise.reject(errno('EIO')) } }, ours), [], 'a disk that fails');
  const text = path.join(temporaryFolder(t), 'text');
  writeFileSync(text, 'no module');
  t.same(await expectedDifferences(node(t, text, ''), ours), []);
});
