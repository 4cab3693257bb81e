// SPDX-License-Identifier: Apache-2.0
// The phase install-cni on real folders: owner and mode, a program that runs, others who write while the agent watches, and when it stays away.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { cleanup } from '../../agent/commands/cleanup.js';
import type { AgentOptions } from '../../agent/options.js';
import { installCni } from '../../agent/phases/installCni.js';
import { temporaryFolder, testContext, type TestContext } from '../helpers/agentContext.js';

const LIST = '{\n  "cniVersion": "1.0.0",\n  "name": "net",\n  "plugins": [\n    {"type": "bridge"}\n  ]\n}\n';
const MARK = 'kmesh-cni of the Kmesh node agent';

interface Node {
  readonly ctx: TestContext;
  readonly list: string;
  readonly program: string;
  readonly own: string;
}

function makeNode(t: { teardown(work: () => unknown): void }, options: Partial<AgentOptions> = { installCni: 'yes' }): Node {
  const folder = temporaryFolder(t);
  const [conf, bin, own] = [path.join(folder, 'net.d'), path.join(folder, 'bin'), path.join(folder, 'root/cni')];
  for (const one of [conf, bin, own]) fs.mkdirSync(one, { recursive: true });
  const [list, program] = [path.join(conf, '10-net.conflist'), path.join(bin, 'kmesh-cni')];
  fs.writeFileSync(list, LIST);
  fs.writeFileSync(path.join(bin, 'bridge'), '');
  // A program that runs until it is told to end, and has the mark of ours behind its end.
  fs.writeFileSync(path.join(own, 'kmesh-cni'), Buffer.concat([fs.readFileSync('/bin/cat'), Buffer.from(MARK)]));
  return { ctx: testContext(folder, { options, root: path.join(folder, 'root') }), list, program, own: path.join(own, 'kmesh-cni') };
}

const read = (file: string): string => fs.readFileSync(file, 'utf8');
const inChain = (file: string): boolean => read(file).includes('"kmesh-cni"');

t.test('in and out: owner and mode stay, the program can be run', async (t) => {
  const { ctx, list, program } = makeNode(t);
  fs.chmodSync(list, 0o640);
  if (process.getuid?.() === 0) fs.chownSync(list, 1234, 4321);
  const before = fs.statSync(list);
  await installCni.run(ctx);
  t.ok(inChain(list));
  t.match(fs.statSync(list), { mode: before.mode, uid: before.uid, gid: before.gid });
  t.equal(fs.statSync(program).mode & 0o777, 0o755);
  await installCni.undo?.(ctx, 'all');
  t.equal(read(list), LIST);
  t.match(fs.statSync(list), { mode: before.mode, uid: before.uid, gid: before.gid });
  t.same(fs.readdirSync(path.dirname(program)), ['bridge']);
});

t.test('a program that cannot be run is put there anew', async (t) => {
  const { ctx, program } = makeNode(t);
  await installCni.run(ctx);
  fs.chmodSync(program, 0o644);
  await installCni.run(ctx);
  t.equal(fs.statSync(program).mode & 0o777, 0o755);
});

t.test('a configuration that its owner removes in the same moment is no failure, and nothing of ours stays', async (t) => {
  for (const [name, call, text] of [['10-net.conflist', 'replaceFile', LIST], ['10-old.conf', 'rename', '{"cniVersion":"1.0.0","name":"old","type":"bridge"}']] as const) {
    const { ctx, list, program } = makeNode(t);
    const folder = path.dirname(list);
    fs.rmSync(list);
    fs.writeFileSync(path.join(folder, name), text);
    await installCni.run(ctx);
    const before = ctx.sys[call] as (...args: never[]) => Promise<unknown>;
    Object.assign(ctx.sys, { [call]: async (...args: never[]) => {
      for (const one of fs.readdirSync(folder).filter((file) => file.startsWith(name))) fs.rmSync(path.join(folder, one));
      return before(...args);
    } });
    await installCni.undo?.(ctx, 'all');
    t.same(fs.readdirSync(folder), [], name);
    t.notOk(fs.existsSync(program), `${name}: the program goes, too`);
  }
});

t.test('a program that runs is replaced, and runs on', async (t) => {
  const { ctx, program, own } = makeNode(t);
  await installCni.run(ctx);
  const running: ChildProcess = spawn(program, [], { stdio: ['pipe', 'ignore', 'inherit'] });
  await once(running, 'spawn');
  fs.appendFileSync(own, 'a newer one');
  await installCni.run(ctx);
  t.ok(fs.readFileSync(program).equals(fs.readFileSync(own)));
  running.stdin?.end();
  t.same(await once(running, 'close'), [0, null]);
});

t.test('a failed start takes back what it did, and what an earlier run did stays', async (t) => {
  const { ctx, list, program } = makeNode(t);
  await installCni.run(ctx);
  await installCni.undo?.(ctx, 'run');
  t.equal(read(list), LIST);
  t.notOk(fs.existsSync(program));

  const { ctx: first, list: kept, program: still } = makeNode(t);
  await installCni.run(first);
  const extended = read(kept);
  const second = testContext(path.dirname(path.dirname(kept)), { options: { installCni: 'yes', cniFailure: 'deny' }, root: first.root, sys: first.sys });
  await installCni.run(second);
  t.match(read(kept), /"cniFailure":"deny"/);
  await installCni.undo?.(second, 'run');
  t.equal(read(kept), extended, 'set as the earlier run had it');
  t.ok(fs.existsSync(still));
});

t.test('no, and auto where every process is steered: nothing is touched, and what an earlier run did is taken out', async (t) => {
  for (const choice of [{ installCni: 'auto' }, { installCni: 'no', manage: 'labelled' }, { installCni: 'auto', manage: 'all' }] as const) {
    const { ctx, list } = makeNode(t, choice);
    const why = choice.installCni === 'no' ? '--install-cni=no' : `--install-cni=auto, and the connections of every process are steered (${'manage' in choice ? '--manage all' : 'no pod of a cluster'})`;
    t.same(await installCni.when?.(ctx), { skip: why });
    const before = testContext(path.dirname(path.dirname(list)), { options: { installCni: 'yes' }, root: ctx.root, sys: ctx.sys });
    await installCni.run(before);
    t.ok(inChain(list));
    t.equal(await installCni.when?.(ctx), undefined);
    await installCni.run(ctx);
    t.equal(read(list), LIST);
  }
});

t.test('auto where labels decide: in a pod, and where that is asked for', async (t) => {
  const { ctx, list } = makeNode(t, { installCni: 'auto', manage: 'labelled' });
  t.equal(await installCni.when?.(ctx), undefined);
  await installCni.run(ctx);
  t.ok(inChain(list));
  const pod = makeNode(t, { installCni: 'auto' });
  const { stat } = pod.ctx.sys;
  Object.assign(pod.ctx.sys, { stat: async (file: string) => (file === '/var/run/secrets/kubernetes.io/serviceaccount/token' ? { kind: 'file', size: 1, modifiedMs: 0 } : stat(file)) });
  t.equal(await installCni.when?.(pod.ctx), undefined);
  await installCni.run(pod.ctx);
  t.ok(inChain(pod.list));
});

t.test('cleanup takes it out too', async (t) => {
  const { ctx, list, program } = makeNode(t);
  await installCni.run(ctx);
  t.equal(await cleanup(testContext(path.dirname(path.dirname(list)), { root: ctx.root, sys: ctx.sys, results: ctx.results })), 0);
  t.equal(read(list), LIST);
  t.notOk(fs.existsSync(program));
});

/** Resolves when the folder holds what is waited for. */
async function until(folder: string, holds: () => boolean): Promise<void> {
  const changes = fs.watch(folder);
  try {
    while (!holds()) await once(changes, 'change');
  } finally {
    changes.close();
  }
}

t.test('what others do while the agent runs', async (t) => {
  const { ctx, list, program } = makeNode(t);
  const folder = path.dirname(list);
  fs.rmSync(list);
  await installCni.run(ctx);
  t.match(ctx.lines.at(-1)?.msg, /as soon as there is a CNI configuration/);
  const ended = new AbortController();
  const tended = installCni.tend?.(ctx, ended.signal);
  fs.writeFileSync(list, LIST);
  await until(folder, () => inChain(list));
  t.pass('the first configuration of the node');
  fs.writeFileSync(`${list}.new`, LIST.replace('"net"', '"other"'));
  fs.renameSync(`${list}.new`, list);
  await until(folder, () => inChain(list) && read(list).includes('"other"'));
  t.pass('the file written anew');
  fs.writeFileSync(path.join(folder, '05-first.conf'), '{"cniVersion":"1.0.0","name":"first","type":"bridge"}');
  await until(folder, () => !inChain(list) && fs.existsSync(path.join(folder, '05-first.conf.kmesh-saved')));
  t.pass('another one that sorts before it');
  ended.abort();
  await tended;
  await installCni.undo?.(ctx, 'all');
  t.same(fs.readdirSync(folder), ['05-first.conf', '10-net.conflist']);
  t.notOk(fs.existsSync(program));
});

t.test('plan says what it would do', async (t) => {
  const { ctx, list } = makeNode(t);
  t.match(await installCni.plan(ctx), [/would copy .*kmesh-cni to .*bin and put \{"type":"kmesh-cni","cniFailure":"allow"\} into the chain of 10-net.conflist/]);
  t.equal(read(list), LIST);
});
