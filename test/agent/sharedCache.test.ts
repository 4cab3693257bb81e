// SPDX-License-Identifier: Apache-2.0
// Agents as processes that share a state folder, each in a pid namespace of its own as in two containers.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { bundleAgent } from '../helpers/agentBundle.js';
import { projectRoot, temporaryFolder } from '../helpers/agentContext.js';
import { enterSandbox } from '../helpers/sandbox.js';

await enterSandbox(import.meta.url);

const root = temporaryFolder(t);
for (const folder of ['bpf', 'kernel']) cpSync(path.join(projectRoot, folder), path.join(root, folder), { recursive: true });
const agent = await bundleAgent(root);

/** A make that says that it was run, and waits where the folder has a file `wait`. */
function slowMake(folder: string): string {
  const bin = path.join(folder, 'bin');
  cpSync('/usr/bin/make', path.join(bin, 'real-make'), { dereference: true });
  writeFileSync(path.join(bin, 'make'), `#!/bin/sh\necho $$ >> ${folder}/made\nif [ -e ${folder}/wait ]; then for word; do case $word in O=*) mkdir -p "\${word#O=}";; esac; done; exec sleep 1000; fi\nexec ${bin}/real-make "$@"\n`);
  chmodSync(path.join(bin, 'make'), 0o755);
  return bin;
}

/** `node agent.js bundle` as process 1 of a pid namespace. */
function start(folder: string, output: string): ChildProcess {
  const words = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, agent, 'bundle', '--state-dir', path.join(folder, 'state'), '--output', path.join(folder, output), '--log-format=json'];
  return spawn('unshare', words, { env: { ...process.env, NODE_OPTIONS: '', PATH: `${path.join(folder, 'bin')}:${process.env['PATH']}` }, stdio: ['ignore', 'pipe', 'inherit'] });
}

async function outcome(child: ChildProcess): Promise<{ code: number | null; messages: string }> {
  const [messages, [code]] = await Promise.all([text(child.stdout!), once(child, 'exit') as Promise<[number | null]>]);
  return { code, messages: messages.split('\n').filter(Boolean).map((line) => (JSON.parse(line) as { msg: string }).msg).join('\n') };
}

const runs = (folder: string): number => readFileSync(path.join(folder, 'made'), 'utf8').trim().split('\n').length;

t.test('four at once compile once, and all have the same build', async (t) => {
  const folder = temporaryFolder(t);
  slowMake(folder);
  const outputs = ['1.tar', '2.tar', '3.tar', '4.tar'];
  const ends = await Promise.all(outputs.map((output) => outcome(start(folder, output))));
  t.same(ends.map(({ code }) => code), [0, 0, 0, 0], ends.map(({ messages }) => messages).join('\n\n'));
  t.equal(runs(folder), 1, 'make was run once');
  const [first, ...others] = outputs.map((output) => readFileSync(path.join(folder, output)));
  for (const other of others) t.same(other, first);
  const builds = path.join(folder, 'state/build');
  const [name = ''] = readdirSync(builds).filter((one) => one.length === 64);
  t.same(readdirSync(path.join(builds, name)).sort(), ['bpf', 'build.json', 'build.lock', 'include', 'use.lock']);
});

t.test('one that is killed while it compiles holds nobody up, and its rest goes', async (t) => {
  const folder = temporaryFolder(t);
  slowMake(folder);
  writeFileSync(path.join(folder, 'wait'), '');
  const begun = new Promise<void>((resolve) => {
    const watcher = watch(folder, () => {
      if (!existsSync(path.join(folder, 'made'))) return;
      watcher.close();
      resolve();
    });
  });
  const killed = start(folder, 'never.tar');
  const end = once(killed, 'exit');
  await begun;
  const waiting = start(folder, 'out.tar');
  const told = new Promise<void>((resolve) => waiting.stdout!.on('data', (part: Buffer) => part.includes('this one waits') && resolve()));
  const other = outcome(waiting);
  await told;
  rmSync(path.join(folder, 'wait'));
  killed.kill('SIGKILL');
  await end;
  const { code, messages } = await other;
  t.equal(code, 0, messages);
  t.match(messages, /an agent was ended while it made .*kmesh\.bpf\.o/);
  t.equal(runs(folder), 2);
  t.notOk(existsSync(path.join(folder, 'never.tar')));
  const builds = path.join(folder, 'state/build');
  const [name = ''] = readdirSync(builds).filter((one) => one.length === 64);
  t.same(readdirSync(path.join(builds, name)).sort(), ['bpf', 'build.json', 'build.lock', 'include', 'use.lock']);
});
