// SPDX-License-Identifier: Apache-2.0
// --kubeconfig: what is taken from it, what is refused and how that is told, and that a real https server accepts what comes of it.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import t from 'tap';
import { stringify } from 'yaml';
import { apiAccess } from '../../agent/cluster/access.js';
import { askApi } from '../../agent/cluster/api.js';
import { plan } from '../../agent/commands/plan.js';
import { run } from '../../agent/commands/run.js';
import { doctor } from '../../agent/commands/doctor.js';
import type { Check } from '../../agent/doctor/check.js';
import { sys } from '../../agent/sys.js';
import { type TestContext, temporaryFolder, testContext } from '../helpers/agentContext.js';
import { makeCertificates } from '../helpers/certificates.js';

type T = { teardown(work: () => unknown): void };
type Fields = Readonly<Record<string, unknown>>;

const TOKEN = 'planted-token.not-for-logs';
const folder = temporaryFolder(t);
const cluster = makeCertificates(folder, 'localhost');
const authority = readFileSync(cluster.rootFile, 'utf8');
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=kmesh-node', '-keyout', 'client.key', '-out', 'client.pem'], { cwd: folder, stdio: 'ignore' });
const client = { certificate: readFileSync(path.join(folder, 'client.pem'), 'utf8'), key: readFileSync(path.join(folder, 'client.key'), 'utf8') };
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const config = (server: Fields, user: Fields, change: Fields = {}): string =>
  stringify({
    ...{ apiVersion: 'v1', kind: 'Config', preferences: {}, 'current-context': 'one' },
    contexts: [{ name: 'other', context: { cluster: 'nowhere', user: 'nobody' } }, { name: 'one', context: { cluster: 'prod', user: 'node', namespace: 'default' } }],
    clusters: [{ name: 'prod', cluster: { server: 'https://localhost:6443', ...server } }],
    users: [{ name: 'node', user }],
    ...change,
  });

function contextOf(t: T, text: string | undefined, env: Record<string, string> = {}, apiServer?: string): TestContext {
  const place = temporaryFolder(t);
  const kubeconfig = path.join(place, 'admin.conf');
  if (text !== undefined) writeFileSync(kubeconfig, text);
  return testContext(place, { options: { kubeconfig, apiServer }, sys: { env, sleep: async () => {} } });
}

async function server(t: T): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const listening = https.createServer({ cert: cluster.certificate, key: cluster.key, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const peer = (request.socket as TLSSocket).getPeerCertificate();
    seen.push(`${request.url} ${request.headers.authorization ?? 'no token'} ${peer?.subject?.CN ?? 'no certificate'}`);
    response.end('{}');
  });
  t.teardown(() => (listening.closeAllConnections(), listening.close()));
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  return { port: (listening.address() as AddressInfo).port, seen };
}

t.test('an API server is asked as the kubeconfig says', async (t) => {
  const { port, seen } = await server(t);
  const url = `https://localhost:${port}`;
  const data = { server: url, 'certificate-authority-data': base64(authority) };
  const ask = async (text: string, files: Record<string, string> = {}, env: Record<string, string> = {}, apiServer?: string): Promise<unknown> => {
    const ctx = contextOf(t, text, env, apiServer);
    for (const [name, content] of Object.entries(files)) writeFileSync(path.join(path.dirname(ctx.options.kubeconfig!), name), content);
    const answer = await askApi(ctx, '/version');
    return 'silence' in answer ? answer.silence : [answer.status, seen.pop()];
  };
  t.same(await ask(config(data, { token: TOKEN })), [200, `/version Bearer ${TOKEN} no certificate`], 'token');
  t.same(await ask(config(data, { token: 'old', tokenFile: 'token' }), { token: `${TOKEN}\n` }), [200, `/version Bearer ${TOKEN} no certificate`], 'a file, beside the kubeconfig, goes before a token');
  t.same(await ask(config(data, { 'client-certificate-data': base64(client.certificate), 'client-key-data': base64(client.key) })), [200, '/version no token kmesh-node'], 'client certificate');
  t.same(await ask(config({ server: url, 'certificate-authority': 'ca.crt' }, { 'client-certificate': './c.pem', 'client-key': 'c.key' }), { 'ca.crt': authority, 'c.pem': client.certificate, 'c.key': client.key }), [200, '/version no token kmesh-node'], 'files');
  t.same(await ask(JSON.stringify({ 'current-context': 'a', contexts: [{ name: 'a', context: { cluster: 'b', user: 'c' } }], clusters: [{ name: 'b', cluster: data }], users: [{ name: 'c', user: { token: TOKEN } }] })), [200, `/version Bearer ${TOKEN} no certificate`], 'JSON');
  t.same(await ask(config({ ...data, server: `https://127.0.0.1:${port}/k8s/clusters/c-1/`, 'tls-server-name': 'localhost' }, { token: TOKEN })), [200, `/k8s/clusters/c-1/version Bearer ${TOKEN} no certificate`], 'a path, and the name of the certificate');
  t.match(await ask(config({ server: url }, { token: TOKEN })), /does not answer: .*certificate/, 'an authority that is not named is none of a test');
  const away = { ...data, server: 'https://localhost:1' };
  t.same(await ask(config(away, { token: TOKEN }), {}, { KUBERNETES_SERVICE_HOST: 'localhost', KUBERNETES_SERVICE_PORT: String(port) }), [200, `/version Bearer ${TOKEN} no certificate`], 'the environment goes before its server');
  t.same(await ask(config(away, { token: TOKEN }), {}, { KUBERNETES_SERVICE_HOST: 'localhost', KUBERNETES_SERVICE_PORT: '1' }, url), [200, `/version Bearer ${TOKEN} no certificate`], '--api-server before both');
  t.same(seen, []);
});

const token = { token: TOKEN };
const refused: readonly (readonly [name: string, text: string | undefined, code: string, detail: RegExp])[] = [
  ['not there', undefined, 'MISSING', /there is no .*admin.conf/],
  ['no YAML', `users:\n- user: {token: ${TOKEN}\n  nonsense: [`, 'FILE', /it is no YAML: [A-Z_]+ in line \d/],
  ['an alias that leads nowhere', `users: *${TOKEN}`, 'FILE', /it is no YAML/],
  ['aliases that grow', `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'.split('').map((one, i) => `${one}: &${one} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`).join('\n')}`, 'FILE', /it is no YAML/],
  ['empty', '', 'FILE', /it is no kubeconfig/],
  ['another kind of file', 'apiVersion: v1\nkind: Pod\n', 'CONTEXT', /no current-context/],
  ['a list in the wrong place', config({}, token, { users: [{ name: 'node', user: [TOKEN] }] }), 'FILE', /users.0.user/],
  ['too large', ' '.repeat(2 << 20), 'FILE', /more than 1048576 bytes/],
  ['no context of this name', config({}, token, { 'current-context': 'two' }), 'CONTEXT', /"two" is not among its contexts/],
  ['a cluster that is not there', config({}, token, { clusters: null }), 'CONTEXT', /the cluster "prod" of its context "one"/],
  ['a user that is not there', config({}, token, { users: [] }), 'CONTEXT', /the user "node" of its context "one"/],
  ['no server', config({ server: '' }, token), 'CONTEXT', /names no server/],
  ['a plugin', config({}, { exec: { command: 'aws', args: [TOKEN] } }), 'UNSUPPORTED', /runs a program for its credentials \(exec\)/],
  ['an older plugin', config({}, { 'auth-provider': { name: 'gcp' } }), 'UNSUPPORTED', /asks a plugin/],
  ['a password', config({}, { username: 'admin', password: TOKEN }), 'UNSUPPORTED', /a name and a password/],
  ['another identity', config({}, { ...token, as: 'system:admin' }), 'UNSUPPORTED', /acts as somebody else/],
  ['plain HTTP', config({ server: 'http://localhost:8080' }, token), 'UNSUPPORTED', /reached by http:/],
  ['no check of the server', config({ 'insecure-skip-tls-verify': true }, token), 'UNSUPPORTED', /insecure-skip-tls-verify/],
  ['a proxy', config({ 'proxy-url': 'http://localhost:3128' }, token), 'UNSUPPORTED', /proxy-url/],
  ['a server that is no URL', config({ server: 'localhost' }, token), 'FILE', /no URL/],
  ['no credentials', config({}, {}), 'FILE', /neither a token nor a client certificate/],
  ['a certificate without its key', config({}, { 'client-certificate-data': base64(client.certificate) }), 'FILE', /go together/],
  ['a key of another certificate', config({}, { 'client-certificate-data': base64(cluster.certificate.toString()), 'client-key-data': base64(client.key) }), 'FILE', /does not belong/],
  ['an authority that is none', config({ 'certificate-authority-data': base64('x') }, token), 'FILE', /certificate-authority is not in PEM/],
  ['no base64', config({ 'certificate-authority-data': '%%' }, token), 'FILE', /no base64/],
  ['a file that it names and that is not there', config({}, { tokenFile: 'gone' }), 'FILE', /names .*gone, which is not there/],
  ['a token that would be a header of its own', config({}, { token: `${TOKEN}\r\nHost: elsewhere` }), 'FILE', /no token/],
];

t.test('what cannot be used is refused by name, before any phase, and no error quotes a secret', async (t) => {
  for (const [name, text, code, detail] of refused) {
    const ctx = contextOf(t, text);
    const phase = { name: 'one', summary: '', plan: async () => [], run: () => Promise.reject(new Error('it ran')) };
    const error = (await run(ctx, [phase]).catch((thrown: unknown) => thrown)) as { code: string; detail: string; exitCode: number; toText(): string };
    t.match(error, { code: `KM_KUBECONFIG_${code}`, exitCode: 21, detail }, name);
    t.notMatch(`${error.toText?.()}${JSON.stringify(ctx.lines)}`, /planted-token/, `${name}: no secret`);
    await t.rejects(plan(ctx, [phase], () => {}), { code: `KM_KUBECONFIG_${code}` }, `${name}: plan`);
    t.match(await askApi(ctx, '/version'), { silence: detail }, `${name}: one that breaks later is no answer`);
  }
});

t.test('a folder in its place is a volume of a file that the host lacks', async (t) => {
  const ctx = contextOf(t, undefined);
  mkdirSync(ctx.options.kubeconfig!);
  await t.rejects(apiAccess(ctx), { code: 'KM_KUBECONFIG_MISSING', detail: /is a folder/ });
});

t.test('by hand a kubeconfig asks for no DaemonSet; with the name of a pod it does', async (t) => {
  const { port, seen } = await server(t);
  const text = config({ server: `https://localhost:${port}`, 'certificate-authority-data': base64(authority) }, token);
  for (const [env, events] of [[{}, ['all']], [{ POD_NAME: 'kmesh-x', POD_NAMESPACE: 'mesh' }, []]] as const) {
    const ctx = contextOf(t, text, env);
    const undone: string[] = [];
    await run(ctx, [{ name: 'one', summary: '', plan: async () => [], run: async () => {}, hold: async () => ctx.abort(), undo: async (_, scope) => void undone.push(scope) }]);
    t.same(undone, events);
  }
  t.match(seen[0], `/api/v1/namespaces/mesh/pods/kmesh-x Bearer ${TOKEN}`);
});

t.test('doctor looks at it, asks only when told to, and a capture holds neither it nor its files', async (t) => {
  const { port, seen } = await server(t);
  const ctx = contextOf(t, config({ server: `https://localhost:${port}`, 'certificate-authority-data': base64(authority) }, { tokenFile: 'odd-name' }));
  const beside = path.join(path.dirname(ctx.options.kubeconfig!), 'odd-name');
  writeFileSync(beside, TOKEN);
  const exec = () => Promise.reject(new Error('nothing runs here'));
  const look = async (connect: boolean, capture?: string): Promise<Check | undefined> => {
    const printed: string[] = [];
    await doctor({ sys, exec, options: ctx.options, root: ctx.root }, { json: true, hostRoot: undefined, capture, connect }, [], (line) => printed.push(line));
    return (JSON.parse(printed.join('')) as { checks: Check[] }).checks.find(({ name }) => name === 'Kubernetes API');
  };
  t.match(await look(false), { status: 'ok', evidence: `https://localhost:${port}, by ${ctx.options.kubeconfig}` });
  t.same(seen, []);
  const archive = path.join(temporaryFolder(t), 'host.tar');
  t.match(await look(true, archive), { status: 'ok', evidence: /it answers/ });
  t.match(seen.pop(), `/version Bearer ${TOKEN}`);
  t.notMatch(readFileSync(archive, 'latin1'), /planted-token|odd-name/);
  writeFileSync(beside, '');
  t.match(await look(false), { status: 'error', evidence: /^KM_KUBECONFIG_FILE/ });
  if (process.getuid?.() !== 0) {
    chmodSync(ctx.options.kubeconfig!, 0);
    t.match(await look(false), { status: 'warning', evidence: /could not look: EACCES/ });
  }
});
