// SPDX-License-Identifier: Apache-2.0
/** bpf/Makefile: out of tree, from sources that cannot be written, with errors that say what to do. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { BPF_SOURCES, temporaryFolder } from '../helpers/bpfObject.js';
import { enterSandbox, run } from '../helpers/sandbox.js';

await enterSandbox(import.meta.url);

const generated = temporaryFolder();
fs.writeFileSync(path.join(generated, 'kmesh_config.h'), '#define KM_HAVE_SET_RETVAL 1\n');

function make(sources: string, ...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync('make', ['--no-print-directory', '-C', sources, '-j', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

await t.test('builds from sources that cannot be written, and says nothing', async (test) => {
  const sources = temporaryFolder();
  run('mount', ['--bind', BPF_SOURCES, sources]);
  test.teardown(() => run('umount', [sources]));
  run('mount', ['-o', 'remount,bind,ro', sources]);
  const output = path.join(temporaryFolder(), 'not', 'there', 'yet');
  test.same(make(sources, `O=${output}`, `KMESH_GENERATED=${generated}`, 'CLANG=clang'), { status: 0, stdout: '', stderr: '' });
  const object = path.join(output, 'kmesh.bpf.o');
  const { mtimeMs } = fs.statSync(object);
  make(sources, `O=${output}`, `KMESH_GENERATED=${generated}`);
  test.equal(fs.statSync(object).mtimeMs, mtimeMs, 'a second time nothing is compiled');
});

await t.test('a compiler error reaches the caller and leaves no object', async (test) => {
  const sources = temporaryFolder();
  fs.cpSync(BPF_SOURCES, sources, { recursive: true });
  fs.appendFileSync(path.join(sources, 'lib', 'reason.h'), '#error broken on purpose\n');
  const output = temporaryFolder();
  const result = make(sources, `O=${output}`, `KMESH_GENERATED=${generated}`);
  test.not(result.status, 0);
  test.match(result.stderr, /reason\.h:\d+:\d+: error: .*broken on purpose/);
  test.notOk(fs.existsSync(path.join(output, 'kmesh.bpf.o')));
});

const ERRORS: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['without a build folder', [`KMESH_GENERATED=${generated}`], /O names the build folder/],
  ['a relative build folder', ['O=build', `KMESH_GENERATED=${generated}`], /must be an absolute path/],
  ['without generated headers', ['O=/nonexistent'], /KMESH_GENERATED names the folder of kmesh_config\.h/],
  ['an empty folder of generated headers', ['O=/nonexistent', `KMESH_GENERATED=${temporaryFolder()}`], /kmesh_config\.h does not exist/],
];

for (const [name, args, message] of ERRORS) {
  await t.test(name, async (test) => {
    const result = make(BPF_SOURCES, ...args);
    test.equal(result.status, 2);
    test.match(result.stderr, message);
  });
}
