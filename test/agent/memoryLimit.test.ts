// SPDX-License-Identifier: Apache-2.0
// Cold starts under real limits: of memory, in a cgroup of the test's own, and of the disk.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { bundleAgent } from '../helpers/agentBundle.js';
import { projectRoot, temporaryFolder } from '../helpers/agentContext.js';
import { hasMemoryCgroups, limitedMemory, PEAK_FILE } from '../helpers/memoryCgroup.js';
import { compileTool, enterSandbox, run } from '../helpers/sandbox.js';

await enterSandbox(import.meta.url);

const MIB = 2 ** 20;
const root = temporaryFolder(t);
for (const folder of ['bpf', 'kernel']) cpSync(path.join(projectRoot, folder), path.join(root, folder), { recursive: true });
const agent = await bundleAgent(root);

/** `node agent.js bundle`, a cold start that loads and mounts nothing. */
function coldStart(folder: string, within: readonly string[] = [], bin?: string): SpawnSyncReturns<string> {
  const [file = '', ...words] = [...within, process.execPath, agent, 'bundle', '--state-dir', path.join(folder, 'state'), '--output', path.join(folder, 'out.tar'), '--log-format=json'];
  return spawnSync(file, words, { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '', PATH: `${bin === undefined ? '' : `${bin}:`}${process.env['PATH']}` } });
}

const errorsOf = ({ stdout }: SpawnSyncReturns<string>): { code: string; detail: string; exitCode: number }[] =>
  stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line) as { error?: { code: string; detail: string; exitCode: number } }).flatMap(({ error }) => error ?? []);

t.test('memory', { skip: !hasMemoryCgroups ? 'no memory controller of cgroups here' : false }, async (t) => {
  await t.test('a cold start passes under 400 MiB', async (t) => {
    const cgroup = limitedMemory(t, 400 * MIB);
    const { status, stdout } = coldStart(temporaryFolder(t), [compileTool('in-cgroup'), cgroup]);
    t.equal(status, 0, stdout);
    const peak = Number(readFileSync(path.join(cgroup, PEAK_FILE), 'utf8'));
    t.ok(peak > 50 * MIB, `it ran in there: ${Math.round(peak / MIB)} MiB at most`);
  });

  await t.test('a compiler that is killed for memory is told with the limit and its file', async (t) => {
    const folder = temporaryFolder(t);
    const bin = path.join(folder, 'bin');
    mkdirSync(bin);
    // tail keeps the last line, which never ends: the largest process, so the one that the kernel kills.
    writeFileSync(path.join(bin, 'make'), '#!/bin/sh\nhead -c 1000000000 /dev/zero | tail -n 1 > /dev/null\necho Killed >&2\nexit 2\n');
    chmodSync(path.join(bin, 'make'), 0o755);
    const cgroup = limitedMemory(t, 200 * MIB);
    const ended = coldStart(folder, [compileTool('in-cgroup'), cgroup], bin);
    t.equal(ended.status, 12, ended.stdout + ended.stderr);
    t.match(errorsOf(ended), [{ code: 'KM_BUILD_MEMORY', exitCode: 12, detail: new RegExp(`^out of memory while compiling the eBPF programs: limit 200 MiB, at ${cgroup}/memory\\.(max|limit_in_bytes): `) }]);
    t.notOk(readdirSync(folder).includes('out.tar'));
    const builds = path.join(folder, 'state/build');
    t.same(readdirSync(builds).filter((name) => name.length === 64).flatMap((name) => readdirSync(path.join(builds, name))).filter((name) => name.includes('partial')), []);
  });

  await t.test('of many small compilers one is killed, and not the agent, the largest process of all', async (t) => {
    const folder = temporaryFolder(t);
    const bin = path.join(folder, 'bin');
    mkdirSync(bin);
    const lines = [
      '#!/usr/bin/perl',
      'my ($size, @all) = (12_000_000);',
      'for (1 .. 12) {',
      '  my $pid = fork // die;',
      '  if ($pid == 0) { my $held = "x" x $size; sleep }',
      '  push @all, $pid;',
      '}',
      'wait;',
      'kill KILL => @all;',
      'print STDERR "Killed\\n";',
      'exit 2;',
    ];
    writeFileSync(path.join(bin, 'make'), lines.join('\n'));
    chmodSync(path.join(bin, 'make'), 0o755);
    const ended = coldStart(folder, [compileTool('in-cgroup'), limitedMemory(t, 120 * MIB)], bin);
    t.equal(ended.signal, null, 'the agent lives');
    t.match(errorsOf(ended), [{ code: 'KM_BUILD_MEMORY', exitCode: 12 }], ended.stdout + ended.stderr);
  });
});

t.test('a state folder on a disk that is full, or that cannot be written', async (t) => {
  // Room for the headers and not for the object; then room for nothing.
  const cases: readonly (readonly [string, string])[] = [['size=128k,mode=0700', 'full'], ['size=8k,mode=0700', 'full at once'], ['ro,mode=0700', 'read-only']];
  for (const [options, name] of cases) {
    const folder = temporaryFolder(t);
    const state = path.join(folder, 'state');
    mkdirSync(state);
    run('mount', ['-t', 'tmpfs', '-o', options, 'none', state]);
    const ended = coldStart(folder);
    t.match(errorsOf(ended), [{ code: 'KM_STATE_DIR', exitCode: 18 }], `${name}: ${ended.stdout}${ended.stderr}`);
    t.equal(ended.status, 18, name);
    t.same(readdirSync(state, { recursive: true, encoding: 'utf8' }).filter((file) => file.includes('partial')), [], `${name}: nothing half-done`);
    run('umount', [state]);
    t.same(readdirSync(folder), ['state']);
  }
});
