// SPDX-License-Identifier: Apache-2.0
// Whether a stop keeps the node or cleans up, asked of a real https server with the certificates of a cluster.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { OwnDaemonSet } from '../../agent/cluster/ownDaemonSet.js';
import { run } from '../../agent/commands/run.js';
import { sys as realSys } from '../../agent/sys.js';
import { type TestContext, temporaryFolder, testContext } from '../helpers/agentContext.js';
import { makeCertificates } from '../helpers/certificates.js';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const TOKEN = 'planted-token.not-for-logs';

const cluster = makeCertificates(temporaryFolder(t), 'localhost');
const stranger = makeCertificates(temporaryFolder(t), 'localhost');

type Reply = readonly [status: number, body: unknown] | 'hang up' | 'silence';

/** What the API server says: the DaemonSet, or anything else. */
const status = (code: number, reason: string): Reply => [code, { kind: 'Status', reason }];
const there: Reply = [200, { metadata: { name: 'kmesh', uid: 'u' } }];
const pod: Reply = [200, { metadata: { name: 'kmesh-x7k', ownerReferences: [{ kind: 'DaemonSet', name: 'kmesh', controller: true }] } }];

const ending: Reply = [200, { metadata: { name: 'kmesh-system', deletionTimestamp: '2026-01-01T00:00:00Z' } }];

interface Api {
  daemonSet: Reply;
  pod: Reply;
  namespace: Reply;
  readonly port: number;
  readonly asked: string[];
}

async function api(t: { teardown(work: () => unknown): void }, certificates = cluster): Promise<Api> {
  const asked: string[] = [];
  const server = https.createServer({ cert: certificates.certificate, key: certificates.key }, (request, response) => {
    asked.push(`${request.url}${request.headers.authorization === `Bearer ${TOKEN}` ? '' : ' without token'}`);
    const reply = request.url?.includes('/pods/') ? found.pod : request.url?.includes('/daemonsets/') ? found.daemonSet : found.namespace;
    if (reply === 'hang up') request.socket.destroy();
    else if (reply !== 'silence') response.writeHead(reply[0]).end(typeof reply[1] === 'string' ? reply[1] : JSON.stringify(reply[1]));
  });
  t.teardown(() => (server.closeAllConnections(), server.close()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const found: Api = { daemonSet: there, pod, namespace: [200, { metadata: { name: 'kmesh-system' } }], port: (server.address() as AddressInfo).port, asked };
  return found;
}

/** A pod of the cluster. */
function podContext(t: { teardown(work: () => unknown): void }, port: number, env: Record<string, string> = {}, token = `${TOKEN}\n`): TestContext {
  const files: Record<string, string> = { [`${ACCOUNT}/token`]: token, [`${ACCOUNT}/ca.crt`]: readFileSync(cluster.rootFile, 'utf8'), [`${ACCOUNT}/namespace`]: 'kmesh-system' };
  return testContext(temporaryFolder(t), {
    sys: {
      env: { KUBERNETES_SERVICE_HOST: 'localhost', KUBERNETES_SERVICE_PORT: String(port), POD_NAME: 'kmesh-x7k', ...env },
      stat: async (file) => (files[file] === undefined ? realSys.stat(file) : { kind: 'file', size: 1, modifiedMs: 0 }),
      readText: async (file, max) => files[file] ?? realSys.readText(file, max),
      readSecret: async (file, max) => files[file] ?? realSys.readSecret(file, max),
      // Time-outs and pauses of a test.
      httpsGet: (question) => realSys.httpsGet({ ...question, timeoutMs: Math.min(question.timeoutMs, 500) }),
      sleep: (ms, signal) => realSys.sleep(ms / 100, signal),
    },
  });
}

const cases: readonly (readonly [name: string, atStop: Reply, keep: boolean, why: RegExp])[] = [
  ['there', there, true, /restart or an upgrade/],
  ['being deleted', [200, { metadata: { name: 'kmesh', deletionTimestamp: '2026-01-01T00:00:00Z' } }], false, /being deleted/],
  ['gone', status(404, 'NotFound'), false, /is gone/],
  ['the account is gone', status(401, 'Unauthorized'), false, /answers 401 to what it answered before/],
  ['its rights are gone', status(403, 'Forbidden'), false, /answers 403 to what it answered before/],
  ['a 404 of somebody else', [404, '<html>not found</html>'], true, /not known.*404/],
  ['trouble of the server', status(500, 'InternalError'), true, /not known.*500/],
  ['too many questions', status(429, 'TooManyRequests'), true, /429/],
  ['an answer that is none', [200, '[1'], true, /cannot be understood/],
  ['an answer of another kind', [200, { items: [] }], true, /cannot be understood/],
  ['an answer without end', [200, 'x'.repeat(300_000)], true, /more than 262144 characters/],
  ['a redirect', [302, ''], true, /302/],
  ['a connection that breaks', 'hang up', true, /does not answer/],
  ['silence', 'silence', true, /no answer within 500 ms/],
];

t.test('what the answer at the stop means, after one that was fine', async (t) => {
  for (const [name, atStop, keep, why] of cases) {
    const server = await api(t);
    const ctx = podContext(t, server.port);
    const own = new OwnDaemonSet(ctx);
    await own.learn(ctx.stop);
    // On a busy machine a question may have to be asked again.
    t.same([...new Set(server.asked)], ['/api/v1/namespaces/kmesh-system/pods/kmesh-x7k', '/apis/apps/v1/namespaces/kmesh-system/daemonsets/kmesh'], name);
    server.daemonSet = atStop;
    t.match(await own.verdict(), { keep, why }, name);
    t.notMatch(JSON.stringify(ctx.lines), TOKEN, 'the token is not logged');
  }
});

t.test('a DaemonSet that is still there in a namespace that is being deleted', async (t) => {
  for (const [name, namespace, keep, why] of [
    ['being deleted', ending, false, /namespace is being deleted/],
    ['gone meanwhile', status(404, 'NotFound'), true, /the DaemonSet exists/],
    ['no right to ask', status(403, 'Forbidden'), true, /the DaemonSet exists/],
    ['silence', 'silence', true, /the DaemonSet exists/],
    ['an answer that is none', [200, '[1'], true, /the DaemonSet exists/],
  ] as const) {
    const server = await api(t);
    const ctx = podContext(t, server.port);
    const own = new OwnDaemonSet(ctx);
    await own.learn(ctx.stop);
    server.namespace = namespace;
    t.match(await own.verdict(), { keep, why }, name);
    t.ok(server.asked.includes('/api/v1/namespaces/kmesh-system'), name);
  }
});

t.test('a refusal that was never preceded by an answer proves nothing', async (t) => {
  const server = await api(t);
  server.daemonSet = status(403, 'Forbidden');
  const ctx = podContext(t, server.port);
  t.match(await new OwnDaemonSet(ctx).verdict(), { keep: true, why: /403/ });
  server.pod = status(404, 'NotFound');
  t.match(await new OwnDaemonSet(podContext(t, server.port)).verdict(), { keep: true, why: /404 for pod/ });
  server.pod = [200, { metadata: { name: 'kmesh-x7k' } }];
  t.match(await new OwnDaemonSet(podContext(t, server.port)).verdict(), { keep: true, why: /belongs to no DaemonSet/ });
});

t.test('an API server that is away at the start is asked again', async (t) => {
  const server = await api(t);
  server.pod = 'hang up';
  const ctx = podContext(t, server.port);
  const own = new OwnDaemonSet(ctx);
  const learnt = own.learn(ctx.stop);
  while (!ctx.lines.some((line) => /cannot be asked/.test(line.msg))) await realSys.sleep(5);
  server.pod = pod;
  await learnt;
  server.daemonSet = status(403, 'Forbidden');
  t.match(await own.verdict(), { keep: false });
});

t.test('nothing that cannot be trusted is asked or believed', async (t) => {
  const foreign = await api(t, stranger);
  t.match(await new OwnDaemonSet(podContext(t, foreign.port)).verdict(), { keep: true, why: /does not answer: .*certificate/ }, 'a certificate of another authority');
  t.same(foreign.asked, [], 'which never sees the token');
  const server = await api(t);
  for (const [name, env, why] of [
    ['no name', { POD_NAME: '' }, /POD_NAME/],
    ['a name that leads elsewhere', { POD_NAME: '../../secrets' }, /POD_NAME/],
    ['no server', { KUBERNETES_SERVICE_HOST: '' }, /KUBERNETES_SERVICE_HOST/],
  ] as const) {
    t.match(await new OwnDaemonSet(podContext(t, server.port, env)).verdict(), { keep: true, why }, name);
  }
  const broken = podContext(t, server.port, {}, `${TOKEN}\r\nX-Header: 1`);
  const verdict = await new OwnDaemonSet(broken).verdict();
  t.match(verdict, { keep: true, why: /holds no token/ });
  t.notMatch(JSON.stringify([verdict, broken.lines]), TOKEN);
  t.same(server.asked, []);
});

t.test('a pod that stops does what the answer says, and tells it', async (t) => {
  for (const [atStop, undone, told] of [[there, false, /stay and go on steering: the DaemonSet exists/], [status(404, 'NotFound'), true, /the node leaves the mesh: the DaemonSet is gone/]] as const) {
    const server = await api(t);
    const ctx = podContext(t, server.port);
    const events: string[] = [];
    const hold = async (): Promise<void> => {
      while (server.asked.length < 2) await realSys.sleep(5);
      server.daemonSet = atStop;
      ctx.abort();
    };
    t.equal(await run(ctx, [{ name: 'one', summary: '', plan: async () => [], run: async () => {}, hold, undo: async (_, scope) => void events.push(scope) }]), 0);
    t.same(events, undone ? ['all'] : []);
    t.match(ctx.lines.map((line) => line.msg).join('\n'), told);
  }
});
