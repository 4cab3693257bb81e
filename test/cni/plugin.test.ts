// SPDX-License-Identifier: Apache-2.0
// kmesh-cni as a container runtime calls it: the specification's commands, what the daemon is told, and that nothing it says or fails to say keeps a pod
// from starting, unless the operator chose that.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import t from 'tap';
import { enterSandbox, run } from '../helpers/sandbox.js';
import { temporaryFolder } from '../helpers/bpfObject.js';
import { buildPlugin } from './build.js';
import { type Answer, invoke, LOG, logLines, makeNetns, makeRun, OK, removeNetns, RUN, serve, SOCKET } from './stage.js';

await enterSandbox(import.meta.url);
makeRun();
const plugin = buildPlugin();
const NETNS = makeNetns('pod');
const ENV = { CNI_COMMAND: 'ADD', CNI_CONTAINERID: '3f8a', CNI_NETNS: NETNS, CNI_IFNAME: 'eth0', CNI_PATH: '/opt/cni/bin', CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=3f8a;K8S_POD_UID=0b1c-22' };
/** Blanks, escapes and bytes that no other program would write like that. */
const PREV = '{ "cniVersion":"1.0.0" ,\n\t"ips":[{"address":"10.1.0.5\\/16"}], "dns" : {} ,"x":1.50e+2,"caf\xe9":"\\u00e9" }';
const config = (more: Record<string, unknown> = {}, version = '1.1.0', prev = PREV): string => `{${JSON.stringify({ cniVersion: version, name: 'net', type: 'kmesh-cni', ...more }).slice(1, -1)}, "prevResult" : ${prev} ,"last":[]}`;
const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const call = (env: Record<string, string>, text = config()): Promise<Answer> => invoke(plugin, bytes(text), { ...ENV, ...env });
const failure = ({ stdout }: Answer): unknown => JSON.parse(stdout) as unknown;
const setLog = (text: string): void => fs.writeFileSync(LOG, text);

t.test('it is static and holds the text by which the agent knows it', async (t) => {
  const elf = fs.readFileSync(plugin);
  t.notOk(elf.includes('/lib64/ld-linux') || elf.includes('/lib/ld-linux'), 'no loader');
  t.ok(elf.includes('kmesh-cni of the Kmesh node agent'));
});

t.test('VERSION', async (t) => {
  const supportedVersions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'];
  t.same(failure(await invoke(plugin, '{"cniVersion":"0.4.0"}', { CNI_COMMAND: 'VERSION' })), { cniVersion: '0.4.0', supportedVersions });
  t.same(failure(await invoke(plugin, '', { CNI_COMMAND: 'VERSION' })), { cniVersion: '1.1.0', supportedVersions });
});

t.test('ADD tells the daemon and hands the result on byte for byte', async (t) => {
  setLog('');
  const handles: fs.Stats[] = [];
  const daemon = await serve((request) => {
    handles.push(fs.statSync((request['netns'] as { handle: string }).handle));
    return OK;
  });
  for (const version of ['0.3.1', '0.4.0', '1.0.0', '1.1.0']) {
    const { code, stdout } = await call({}, config({}, version));
    t.same([code, stdout], [0, PREV], version);
  }
  await daemon.close();
  const { ino, dev } = fs.statSync(NETNS);
  const cookieTool = path.join(temporaryFolder(), 'cookie');
  run('gcc', ['-Wall', '-Werror', '-o', cookieTool, path.resolve('test/cni/cookie.c')]);
  const cookie = execFileSync('ip', ['netns', 'exec', 'pod', cookieTool], { encoding: 'utf8' }).trim();
  for (const request of daemon.requests) {
    const { netns, ...rest } = request as { netns: Record<string, unknown> };
    t.same(rest, { version: 1, command: 'ADD', containerId: '3f8a', ifname: 'eth0', pod: { namespace: 'shop', name: 'web-0', uid: '0b1c-22' } });
    const { handle, ...seen } = netns;
    t.same(seen, { path: NETNS, device: dev, inode: ino, ...(cookie === '0' ? {} : { cookie }) });
    t.match(handle, /^\/proc\/\d+\/fd\/\d+$/);
  }
  t.same(handles.map((one) => one.ino), Array.from({ length: 4 }, () => ino), 'the handle leads to the namespace while the plugin waits');
  t.equal(logLines().length, 4);
  t.match(logLines()[0], /^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=info command=ADD pod=shop\/web-0 container=3f8a ms=\d+ msg="kmesh-daemon knows"$/);
});

t.test('the other commands tell it too, and say nothing', async (t) => {
  const daemon = await serve(() => OK);
  for (const command of ['DEL', 'CHECK', 'GC', 'STATUS']) t.match(await call({ CNI_COMMAND: command }), { code: 0, stdout: '' }, command);
  t.match(await call({ CNI_COMMAND: 'DEL', CNI_NETNS: '' }, '{"cniVersion":"0.3.1"}'), { code: 0, stdout: '' });
  await daemon.close();
  t.same(daemon.requests.map(({ command }) => command), ['DEL', 'CHECK', 'GC', 'STATUS', 'DEL']);
  t.same(daemon.requests[2], { version: 1, command: 'GC' });
  t.notOk('netns' in daemon.requests[4]!);
});

t.test('two namespaces have two cookies, and the plugin comes back from each', async (t) => {
  makeNetns('other');
  const daemon = await serve(() => OK);
  for (const name of ['pod', 'other', 'pod']) await call({ CNI_NETNS: `/var/run/netns/${name}` });
  await daemon.close();
  removeNetns('other');
  const [first, second, third] = daemon.requests.map(({ netns }) => netns as { inode: number; cookie?: string });
  t.not(first?.inode, second?.inode);
  t.equal(first?.cookie, third?.cookie);
  if (first?.cookie !== undefined) t.not(first.cookie, second?.cookie);
});

t.test('a pod that is not told by Kubernetes, or not in its words', async (t) => {
  const daemon = await serve(() => OK);
  const args = ['', 'FOO=BAR', 'K8S_POD_NAME=web', 'K8S_POD_NAMESPACE=a b;K8S_POD_NAME=web', `K8S_POD_NAMESPACE=${'a'.repeat(64)};K8S_POD_NAME=web`, 'K8S_POD_NAMESPACE=a;K8S_POD_NAME="x\nlevel=error', 'K8S_POD_NAMESPACE=a;K8S_POD_NAME=', ';;;=;K8S_POD_NAMESPACE'];
  for (const one of args) t.match(await call({ CNI_ARGS: one }), { code: 0, stdout: PREV }, one);
  await daemon.close();
  t.same(daemon.requests.filter((request) => 'pod' in request), []);
  t.equal(daemon.requests.length, args.length);
});

t.test('a namespace that cannot be entered', async (t) => {
  setLog('');
  const daemon = await serve(() => OK);
  for (const one of ['/var/run/netns/gone', '/proc/self/ns/mnt', '/etc/passwd', '/dev/null']) t.match(await call({ CNI_NETNS: one }), { code: 0, stdout: PREV }, one);
  await daemon.close();
  t.same(daemon.requests.map(({ netns }) => netns), ['/var/run/netns/gone', '/proc/self/ns/mnt', '/etc/passwd', '/dev/null'].map((one) => ({ path: one })));
  t.equal(logLines().filter((line) => line.includes('level=warning') && line.includes('the network namespace cannot be entered')).length, 4);
});

const DENY = config({ cniFailure: 'deny' });

t.test('no daemon: the pod starts, and with deny it does not', async (t) => {
  setLog('');
  t.match(await call({}), { code: 0, stdout: PREV });
  t.match(await call({}, config({ cniFailure: 'allow' })), { code: 0, stdout: PREV });
  t.match(logLines().at(-1), /level=warning .*msg="kmesh-daemon was not reached" reason="\/var\/run\/kmesh\/cni.sock: No such file or directory"$/);
  const denied = await call({}, DENY);
  t.equal(denied.code, 1);
  t.same(failure(denied), { cniVersion: '1.1.0', code: 11, msg: 'kmesh-daemon was not reached (cniFailure is deny)', details: `${SOCKET}: No such file or directory` });
  t.match(logLines().at(-1), /level=error/);
  t.match(failure(await call({ CNI_COMMAND: 'CHECK' }, DENY)), { code: 11 });
  t.match(failure(await call({ CNI_COMMAND: 'STATUS' }, DENY)), { code: 50 });
  for (const command of ['DEL', 'GC']) t.match(await call({ CNI_COMMAND: command }, DENY), { code: 0, stdout: '' }, `${command}: what is there goes`);
  fs.rmSync(RUN, { recursive: true });
  t.match(await call({}), { code: 0, stdout: PREV }, 'after a boot there is no folder either');
  fs.mkdirSync(RUN);
});

t.test('a daemon that refuses', async (t) => {
  setLog('');
  const daemon = await serve(() => `{"version":1,"result":"refused","reason":"no room \\u00e9\\n for \\"web\\""}\n`);
  t.match(await call({}), { code: 0, stdout: PREV });
  t.match(logLines().at(-1), /level=warning .*msg="kmesh-daemon refuses" reason="no room \?\?\? for \\"web\\""$/);
  const denied = await call({}, DENY);
  t.same(failure(denied), { cniVersion: '1.1.0', code: 100, msg: 'kmesh-daemon refuses this pod (cniFailure is deny)', details: 'no room ??? for "web"' });
  t.match(await call({ CNI_COMMAND: 'DEL' }, DENY), { code: 0 });
  await daemon.close();
});

t.test('answers that cannot be understood are as none', async (t) => {
  const answers = ['\n', 'ok\n', '{"version":2,"result":"ok"}\n', '{"result":"ok"}\n', '{"version":1,"result":"maybe"}\n', '{"version":1,"result":"ok"', '', `${' '.repeat(5000)}\n`, `{"version":1,"result":"ok","x":"${'y'.repeat(4096)}"}\n`, '{"version":1,"version":1,"result":"ok"}\n', '\0\xff\n'];
  for (const answer of answers) {
    const daemon = await serve(() => answer);
    t.match(await call({}), { code: 0, stdout: PREV }, answer.slice(0, 40));
    t.match(failure(await call({}, DENY)), { code: 11 }, answer.slice(0, 40));
    await daemon.close();
  }
});

t.test('a daemon that is silent, slow, or takes no connection: one second in all', async (t) => {
  const silent = await serve(() => undefined);
  const waited = await call({});
  t.match(waited, { code: 0, stdout: PREV });
  t.ok(waited.ms >= 950 && waited.ms < 10_000, `${waited.ms} ms`);
  t.match(failure(await call({}, DENY)), { code: 11, details: /no answer within a second/ });
  await silent.close();

  // Byte by byte, for ever: each byte comes in time, all of them do not.
  const slow = net.createServer((socket) => {
    const timer = setInterval(() => socket.write(' '), 50);
    socket.on('error', () => {}).on('close', () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => slow.listen(SOCKET, resolve));
  const slowly = await call({});
  t.match(slowly, { code: 0, stdout: PREV });
  t.ok(slowly.ms >= 950 && slowly.ms < 10_000, `${slowly.ms} ms`);
  await new Promise((resolve) => slow.close(resolve));

  // Nobody accepts, and the queue is full.
  const holder = path.join(temporaryFolder(), 'holder');
  run('gcc', ['-Wall', '-Werror', '-o', holder, path.resolve('test/cni/fullQueue.c')]);
  const full = spawn(holder, [SOCKET], { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((resolve) => full.stdout.once('data', resolve));
  const queued = await call({});
  t.match(queued, { code: 0, stdout: PREV });
  t.ok(queued.ms >= 950 && queued.ms < 10_000, `${queued.ms} ms`);
  full.stdin.end();
  await new Promise((resolve) => full.once('close', resolve));
  fs.rmSync(SOCKET, { force: true });
});

t.test('errors are the objects of the specification', async (t) => {
  const cases: readonly (readonly [string, number, Record<string, string>, string?])[] = [
    ['no command', 4, { CNI_COMMAND: '' }],
    ['an unknown command', 4, { CNI_COMMAND: 'REMOVE' }],
    ['no container', 4, { CNI_CONTAINERID: '' }],
    ['a container like a path', 4, { CNI_CONTAINERID: '../x' }],
    ['a container that is too long', 4, { CNI_CONTAINERID: 'a'.repeat(256) }],
    ['no namespace', 4, { CNI_NETNS: '' }],
    ['a namespace that is too long', 4, { CNI_NETNS: `/${'a'.repeat(1024)}` }],
    ['no interface', 4, { CNI_IFNAME: '' }],
    ['an interface like a path', 4, { CNI_IFNAME: 'a/b' }],
    ['an interface that is too long', 4, { CNI_IFNAME: 'a'.repeat(16) }],
    ['no configuration', 6, {}, ''],
    ['no JSON', 6, {}, '{"cniVersion":"1.0.0"'],
    ['no object', 6, {}, '["cniVersion"]'],
    ['more than 1 MiB', 6, {}, `{"cniVersion":"1.0.0","x":"${'y'.repeat(1 << 20)}"}`],
    ['a version of the future', 1, {}, config({}, '2.0.0')],
    ['a version of the past', 1, {}, config({}, '0.2.0')],
    ['no version', 1, {}, '{"prevResult":{}}'],
    ['a version that is a number', 7, {}, '{"cniVersion":1}'],
    ['two versions', 7, {}, '{"cniVersion":"1.0.0","cniVersion":"1.1.0"}'],
    ['two results', 7, {}, '{"cniVersion":"1.0.0","prevResult":{},"prevResult":{}}'],
    ['a result that is none', 7, {}, config({}, '1.0.0', '[]')],
    ['cniFailure misspelt', 7, {}, config({ cniFailure: 'denied' })],
    ['cniFailure of another kind', 7, {}, config({ cniFailure: true })],
    ['CHECK before 0.4.0', 1, { CNI_COMMAND: 'CHECK' }, config({}, '0.3.1')],
    ['STATUS before 1.1.0', 1, { CNI_COMMAND: 'STATUS' }, config({}, '1.0.0')],
    ['GC before 1.1.0', 1, { CNI_COMMAND: 'GC' }, config({}, '1.0.0')],
  ];
  for (const [name, code, env, text] of cases) {
    const answer = await call(env, text);
    const told = failure(answer) as { cniVersion: string; code: number; msg: string; details: string };
    t.same([answer.code, told.code], [1, code], name);
    t.ok(['1.0.0', '1.1.0', '0.3.1'].includes(told.cniVersion) && told.msg !== '' && told.details !== '', name);
  }
  t.match(await call({ CNI_COMMAND: 'DEL' }, config({ cniFailure: 'denied' })), { code: 0 }, 'what a DEL does not need does not keep it from going through');
});

t.test('a chain that begins with it has an empty result', async (t) => {
  for (const text of ['{"cniVersion":"1.0.0"}', '{"cniVersion":"1.0.0","prevResult":null}']) t.same(failure(await call({}, text)), { cniVersion: '1.0.0' });
});

t.test('the log is bounded, whole with many plugins at once, and leads nowhere else', async (t) => {
  const filled = `${'x'.repeat(99)}\n`.repeat(Math.ceil((1 << 20) / 100));
  fs.rmSync(`${LOG}.1`, { force: true });
  setLog(filled);
  await Promise.all(Array.from({ length: 20 }, () => call({})));
  const [now, before] = [logLines(), fs.readFileSync(`${LOG}.1`, 'utf8').trimEnd().split('\n')];
  const lines = [...before, ...now].filter((line) => line.startsWith('time='));
  t.equal(lines.length, 20, 'none is lost');
  t.equal(before.filter((line) => line.startsWith('x')).length, filled.length / 100, 'and none of before');
  t.ok(fs.statSync(LOG).size < 1 << 20);
  t.equal(fs.statSync(LOG).mode & 0o777, 0o600);

  const elsewhere = path.join(RUN, 'elsewhere');
  fs.writeFileSync(elsewhere, '');
  fs.rmSync(LOG);
  fs.symlinkSync(elsewhere, LOG);
  t.match(await call({}), { code: 0, stdout: PREV });
  t.equal(fs.readFileSync(elsewhere, 'utf8'), '', 'a link is not followed');
  fs.rmSync(LOG);
  run('mkfifo', [LOG]);
  t.match(await call({}), { code: 0, stdout: PREV }, 'nobody reads, nobody waits');
  fs.rmSync(LOG);
  fs.mkdirSync(LOG);
  t.match(await call({}), { code: 0, stdout: PREV });
  fs.rmdirSync(LOG);
});

t.teardown(() => removeNetns('pod'));
