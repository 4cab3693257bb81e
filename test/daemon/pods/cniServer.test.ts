// SPDX-License-Identifier: Apache-2.0
/** The socket of kmesh-cni against whoever else may talk to it. */
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { answerLine, ANSWER_MAX, CNI_VERSION, parseRequest, REQUEST_MAX, type CniAnswer, type CniRequest } from '../../../daemon/pods/cniRequest.js';
import { CNI_SOCKET, serveCni } from '../../../daemon/pods/cniServer.js';
import { temporaryFolder } from '../../helpers/bpfObject.js';
import { ROOT } from '../../helpers/node.js';

const log = pino({ enabled: false });

t.test('numbers and names are those of cni/protocol.h', async (t) => {
  const header = fs.readFileSync(path.join(ROOT, 'cni/protocol.h'), 'utf8');
  const value = (name: string): string => new RegExp(`#define ${name} (.*)`).exec(header)?.[1] ?? '';
  t.same([value('KM_CNI_VERSION'), value('KM_CNI_REQUEST_MAX'), value('KM_CNI_ANSWER_MAX')].map(Number), [CNI_VERSION, REQUEST_MAX, ANSWER_MAX]);
  t.equal(value('KM_CNI_SOCKET'), `"${CNI_SOCKET}"`);
});

t.test('the example of the docs is understood', async (t) => {
  const example = /^\{"version":1,"command":"ADD".*\}$/m.exec(fs.readFileSync(path.join(ROOT, 'docs/cni.md'), 'utf8'))![0];
  t.match(parseRequest(example), { command: 'ADD', pod: { namespace: 'shop' }, netns: { cookie: 4711n, handle: '/proc/815/fd/3' } });
});

t.test('what is no request is refused with its reason', async (t) => {
  const add = (more: object): string => JSON.stringify({ version: 1, command: 'ADD', containerId: 'c', ifname: 'eth0', ...more });
  for (const [name, line, reason] of [
    ['no JSON', '{', /no JSON/],
    ['another version', JSON.stringify({ version: 2, command: 'GC' }), /version/],
    ['another command', JSON.stringify({ version: 1, command: 'EXEC' }), /command/],
    ['no container', JSON.stringify({ version: 1, command: 'ADD' }), /containerId/],
    ['a name that leads elsewhere', add({ pod: { namespace: 'shop', name: '../../../x' } }), /pod.name/],
    ['a handle that leads elsewhere', add({ netns: { path: '/x', handle: '/proc/1/fd/../../../etc/passwd' } }), /netns.handle/],
    ['a cookie of more than 64 bits', add({ netns: { path: '/x', cookie: '18446744073709551616' } }), /netns.cookie/],
    ['a cookie that is none', add({ netns: { path: '/x', cookie: '0' } }), /netns.cookie/],
    ['an inode that no number holds', add({ netns: { path: '/x', inode: 1e300 } }), /netns.inode/],
  ] as const) t.throws(() => parseRequest(line), { message: reason }, name);
});

t.test('an answer is one line of plain characters, and short enough', async (t) => {
  const line = answerLine({ result: 'refused', reason: `ä\n${'x'.repeat(10_000)}` });
  t.ok(Buffer.byteLength(line) <= ANSWER_MAX);
  t.match(line, /^[ -~]*\n$/);
  t.match(JSON.parse(line), { version: CNI_VERSION, result: 'refused', reason: /^\?\?x+$/ });
});

interface Served {
  readonly file: string;
  readonly server: net.Server;
  readonly asked: CniRequest[];
}

async function serve(t: { teardown(work: () => unknown): void }, answer: () => Promise<CniAnswer> = async () => ({ result: 'ok' }), file = path.join(temporaryFolder(), 'run/cni.sock')): Promise<Served> {
  const asked: CniRequest[] = [];
  const server = await serveCni(file, (request) => (asked.push(request), answer()), log);
  t.teardown(() => server.close());
  return { file, server, asked };
}

/** Sends pieces, and what came until the connection ended. */
async function talk(file: string, ...pieces: readonly (string | Buffer)[]): Promise<string> {
  const socket = net.connect(file);
  let said = '';
  socket.on('data', (part) => (said += String(part)));
  socket.on('error', () => {});
  for (const piece of pieces) socket.write(piece);
  await once(socket, 'close');
  return said;
}

const GC = '{"version":1,"command":"GC"}\n';
const OK = '{"version":1,"result":"ok"}\n';

t.test('a request in pieces, and nothing behind its line counts', async (t) => {
  const { file, asked } = await serve(t);
  t.equal(await talk(file, GC.slice(0, 7), GC.slice(7)), OK);
  t.equal(await talk(file, `${GC}${GC}`), OK);
  t.equal(asked.length, 2);
  t.match(await talk(file, 'nonsense\n'), /"refused","reason":"the request is no JSON"/);
  t.equal(asked.length, 2);
});

t.test('a line that is too long ends the connection', async (t) => {
  const { file, asked } = await serve(t);
  t.equal(await talk(file, Buffer.alloc(REQUEST_MAX, 'x')), '');
  t.equal(await talk(file, Buffer.alloc(REQUEST_MAX * 4, 'x'), '\n'), '');
  t.same(asked, []);
  t.equal(await talk(file, GC), OK);
});

t.test('whoever says nothing is not waited for', async (t) => {
  const { file } = await serve(t);
  const began = performance.now();
  t.equal(await talk(file, GC.slice(0, 5)), '');
  t.ok(performance.now() - began >= 1900, 'nor cut off early');
});

t.test('an answer that cannot be made is a refusal', async (t) => {
  const { file } = await serve(t, () => Promise.reject(new Error('the map is broken')));
  t.match(await talk(file, GC), /"refused","reason":"the map is broken"/);
});

t.test('for root alone; the socket of a daemon that was killed gives way, anything else does not', async (t) => {
  const { file, server } = await serve(t);
  t.equal(fs.statSync(file).mode & 0o777, 0o600);
  server.close();
  await once(server, 'close');
  t.notOk(fs.existsSync(file));
  const folder = temporaryFolder();
  const stale = path.join(folder, 'cni.sock');
  const left = net.createServer().listen(path.join(folder, 'other'));
  await once(left, 'listening');
  fs.linkSync(path.join(folder, 'other'), stale);
  left.close();
  t.equal(await talk((await serve(t, undefined, stale)).file, GC), OK);
  const taken = path.join(folder, 'taken');
  fs.writeFileSync(taken, 'somebody else');
  await t.rejects(serveCni(taken, async () => ({ result: 'ok' }), log), { code: 'KM_CNI_SOCKET', message: /EADDRINUSE/ });
  t.equal(fs.readFileSync(taken, 'utf8'), 'somebody else');
});
