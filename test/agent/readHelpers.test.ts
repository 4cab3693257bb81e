// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { detectKernel } from '../../agent/phases/detectKernel.js';
import { readHelpers } from '../../agent/phases/readHelpers.js';
import type { Btf } from '../../agent/probe/btf.js';
import { unknown } from '../../agent/probe/fact.js';
import { type TestContext, errno, projectRoot, temporaryFolder, testContext } from '../helpers/agentContext.js';

const HEADER = path.join(projectRoot, '../shared/fixtures/bpf-h/v6.1.h');
const KERNEL_BTF = '/sys/kernel/btf/vmlinux';

/** Ways in which the file at config/linux-bpf.h can be bad, and the code of each. */
const problems: readonly (readonly [string, string, (file: string) => void])[] = [
  ['missing', 'KM_HELPERS_MISSING', () => {}],
  ['a directory, as a container volume makes it', 'KM_HELPERS_DIRECTORY', (file) => mkdirSync(file)],
  ['empty', 'KM_HELPERS_EMPTY', (file) => writeFileSync(file, '')],
  ['cut off', 'KM_HELPERS_TRUNCATED', (file) => writeFileSync(file, readFileSync(HEADER, 'utf8').slice(0, 150_000))],
  ['no header', 'KM_HELPERS_GARBAGE', (file) => writeFileSync(file, 'GARBAGE '.repeat(1000))],
];

/** An install folder of its own, and nothing at the places outside of it. */
function isolated(t: { teardown(work: () => unknown): void }, btf: Btf | undefined): { ctx: TestContext; header: string } {
  const folder = temporaryFolder(t);
  const header = path.join(folder, 'config/linux-bpf.h');
  mkdirSync(path.dirname(header));
  const real = testContext(folder).sys;
  const ctx = testContext(folder, {
    root: folder,
    results: { btf },
    sys: { stat: async (file) => (file.endsWith('/usr/include/linux/bpf.h') ? undefined : real.stat(file)) },
  });
  return { ctx, header };
}

async function runningBtf(t: { teardown(work: () => unknown): void }): Promise<Btf | undefined> {
  const ctx = testContext(temporaryFolder(t));
  await detectKernel.run(ctx);
  return ctx.results.btf;
}

t.test('a bad header without BTF ends the start with a code of its own', { skip: existsSync(HEADER) ? false : 'no shared fixtures here' }, async (t) => {
  for (const [name, code, make] of problems) {
    const { ctx, header } = isolated(t, undefined);
    make(header);
    await t.rejects(readHelpers.run(ctx), { code, exitCode: 11, detail: new RegExp(header), remedy: /--bpf-header/ }, name);
  }
});

t.test('with BTF the same is a warning that has the code', { skip: !existsSync(HEADER) ? 'no shared fixtures here' : !existsSync(KERNEL_BTF) ? 'this kernel has no BTF' : false }, async (t) => {
  const btf = await runningBtf(t);
  for (const [name, code, make] of problems) {
    const { ctx, header } = isolated(t, btf);
    make(header);
    await readHelpers.run(ctx);
    t.match(ctx.lines.filter((line) => line.level === 40).map((line) => line.msg), [new RegExp(`^${code}: .*kernel's BTF answers`)], name);
    t.equal(ctx.results.helpers?.source, 'btf');
    t.equal(ctx.results.helpers?.helpers.get('map_update_elem'), 2);
    t.equal(ctx.results.btf, undefined, 'megabytes that nobody needs any more are dropped');
  }
});

t.test('a header that may not be read', async (t) => {
  const { ctx, header } = isolated(t, undefined);
  writeFileSync(header, 'x');
  const denied = testContext(temporaryFolder(t), { root: ctx.root, sys: { ...ctx.sys, readText: () => Promise.reject(errno('EACCES')) } });
  await t.rejects(readHelpers.run(denied), { code: 'KM_HELPERS_UNREADABLE' });
});

t.test('the header that the user names is the only one that is read', { skip: existsSync(HEADER) ? false : 'no shared fixtures here' }, async (t) => {
  const { ctx, header } = isolated(t, undefined);
  writeFileSync(header, 'GARBAGE');
  const named = testContext(temporaryFolder(t), { root: ctx.root, options: { bpfHeader: HEADER }, results: { btf: undefined } });
  await readHelpers.run(named);
  t.match(named.results.helpers, { source: 'header', header: { path: HEADER } });
  t.equal(named.results.helpers?.helpers.get('set_retval'), 187);
});

t.test("without BTF the header in this release's own tree beats the one of a newer package", async (t) => {
  const { ctx, header } = isolated(t, undefined);
  const bpfHeader = path.join(ctx.root, 'tree.h');
  const newer = readFileSync('/usr/include/linux/bpf.h', 'utf8');
  writeFileSync(header, newer);
  writeFileSync(bpfHeader, newer.replace('FN(set_retval', 'FN(none'));
  await readHelpers.run(ctx);
  t.match(ctx.results.helpers, { source: 'header', exact: false }, 'without a tree it answers alone, and is not trusted with what would break a load');
  const withTree = testContext(temporaryFolder(t), { root: ctx.root, sys: ctx.sys, results: { kernelFiles: { configText: undefined, headerTree: { fact: unknown('not looked for'), folder: undefined, compiler: undefined, uioHeader: undefined, moduleSymvers: undefined, bpfHeader }, libbpfVersion: undefined, memoryEventFiles: [], memoryLimitFile: undefined } } });
  await readHelpers.run(withTree);
  t.match(withTree.results.helpers, { source: 'tree', exact: true, from: bpfHeader, header: { path: header } });
  t.notOk(withTree.results.helpers?.helpers.has('set_retval'));
  t.match(withTree.lines.map(({ msg }) => msg), [/1 only in the header \(set_retval\)/]);
});
