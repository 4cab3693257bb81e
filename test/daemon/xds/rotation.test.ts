// SPDX-License-Identifier: Apache-2.0
// Root certificate and token are replaced on disk while the daemon runs.
import { status } from '@grpc/grpc-js';
import { copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import t, { type Test } from 'tap';
import { Cluster } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { createXdsSource } from '../../../daemon/xds/index.js';
import { systemClock, type Clock } from '../../../daemon/xds/source.js';
import { AdsServer, packed, type AdsServerOptions } from '../../helpers/adsServer.js';
import { makeCertificates } from '../../helpers/certificates.js';
import { XdsRecorder, plainValidators } from '../../helpers/xdsRecorder.js';

const ISTIOD = 'istiod.istio-system.svc';
const keys = t.testdir({ old: {}, new: {} });
const old = makeCertificates(path.join(keys, 'old'), ISTIOD);
const next = makeCertificates(path.join(keys, 'new'), ISTIOD);

/** A folder as kubelet mounts it: each file is a link through `..data`, which is exchanged in one step. */
function mounted(t: Test, root: Buffer, token: string): { rootCert: string; token: string; rotate: (root: Buffer, token: string) => void } {
  const folder = t.testdir({});
  let version = 0;
  const rotate = (newRoot: Buffer, newToken: string): void => {
    const name = `..v${(version += 1)}`;
    mkdirSync(path.join(folder, name));
    writeFileSync(path.join(folder, name, 'root-cert.pem'), newRoot);
    writeFileSync(path.join(folder, name, 'token'), newToken);
    symlinkSync(name, path.join(folder, '..data_tmp'));
    renameSync(path.join(folder, '..data_tmp'), path.join(folder, '..data'));
  };
  rotate(root, token);
  for (const file of ['root-cert.pem', 'token']) symlinkSync(path.join('..data', file), path.join(folder, file));
  return { rootCert: path.join(folder, 'root-cert.pem'), token: path.join(folder, 'token'), rotate };
}

interface Files {
  readonly rootCert: string;
  readonly token: string;
}

async function begin(t: Test, files: Files, options: AdsServerOptions, clock: Clock = systemClock) {
  const server = new AdsServer(options);
  await server.start();
  t.teardown(() => server.stop());
  const recorder = new XdsRecorder();
  const env = { POD_NAME: 'n', INSTANCE_IP: '192.0.2.1' };
  const source = createXdsSource({ address: server.address, plaintext: false, protocol: 'sotw', rootCert: files.rootCert, token: files.token, env, validators: plainValidators }, recorder, { clock, random: () => 0, lookup: async () => ({ addresses: [], ttlMs: undefined }) });
  t.teardown(() => source.stop());
  source.start();
  return { server, recorder };
}

const oldRoot = readFileSync(old.rootFile);
const both = Buffer.concat([oldRoot, readFileSync(next.rootFile)]);

t.test('another root is another connection, and nothing that was applied is lost', async (t) => {
  const { rotate, ...files } = mounted(t, oldRoot, 'first');
  const { server, recorder } = await begin(t, files, { tls: old });
  await server.subscription('clusters');
  await server.push('clusters', [packed.cluster(Cluster.fromPartial({ name: 'a' }))]);
  const { clusters } = recorder.seen!.resources;
  rotate(both, 'second');
  const { request, metadata } = await server.subscription('clusters', 2);
  t.equal(request.versionInfo, 'v1', 'it goes on where the first one was');
  t.strictSame(metadata.get('authorization'), ['Bearer second']);
  t.equal(recorder.seen?.resources.clusters, clusters);
  t.notOk(recorder.statuses.some(({ code }) => code !== undefined), 'and it was no trouble');
});

t.test('a root that no longer signs the control plane ends its connection', async (t) => {
  const { rotate, ...files } = mounted(t, oldRoot, 'first');
  const { server, recorder } = await begin(t, files, { tls: old });
  await server.subscription('clusters');
  await server.push('clusters', []);
  rotate(readFileSync(next.rootFile), 'first');
  t.match(await recorder.until(({ code }) => code !== undefined), { connected: false, code: 'KM_XDS_TLS' });
});

t.test('another token is no reason to leave a stream that is open', async (t) => {
  const { rotate, ...files } = mounted(t, oldRoot, 'first');
  const { server, recorder } = await begin(t, files, { tls: old });
  await server.subscription('clusters');
  rotate(oldRoot, 'second');
  // The next rotation is seen: so this one was, before it.
  rotate(both, 'second');
  await server.subscription('clusters', 2);
  rotate(both, 'third');
  await server.push('clusters', []);
  server.end({ code: status.UNAVAILABLE, details: 'the control plane ends it' });
  await recorder.until(({ connected }) => !connected);
  const { metadata } = await server.subscription('clusters', 3);
  t.strictSame(metadata.get('authorization'), ['Bearer third'], 'but it is used for the next one');
});

t.test('a root that is none leaves the stream as it is, and is told', async (t) => {
  const { rotate, ...files } = mounted(t, oldRoot, 'first');
  const { server, recorder } = await begin(t, files, { tls: old });
  await server.subscription('clusters');
  await server.push('clusters', []);
  rotate(Buffer.from('no certificate'), 'first');
  t.match(await recorder.until(({ code }) => code !== undefined), { connected: true, code: 'KM_XDS_ROOT_CERT' });
  await server.push('clusters', [packed.cluster(Cluster.fromPartial({ name: 'a' }))]);
  t.ok(recorder.seen?.resources.clusters.has('a'));
});

t.test('who waits for the next attempt does not wait when token or root change', async (t) => {
  const { rotate, ...files } = mounted(t, oldRoot, 'first');
  const refuse: AdsServerOptions['refuse'] = ({ metadata }) => (metadata.get('authorization')[0] === 'Bearer second' ? undefined : { code: status.UNAUTHENTICATED, details: 'expired' });
  // Nothing that is due after a second or half of one ever happens: attempts are not made by time.
  const clock: Clock = { now: systemClock.now, after: (ms, callback) => (ms < 200 ? systemClock.after(ms, callback) : () => undefined) };
  const { server, recorder } = await begin(t, files, { tls: old, refuse }, clock);
  t.match(await recorder.until(({ code }) => code !== undefined), { code: 'KM_XDS_TOKEN_REFUSED' });
  rotate(oldRoot, 'second');
  await server.take(({ metadata }) => metadata.get('authorization')[0] === 'Bearer second');
  await server.push('clusters', []);
  t.match(recorder.status, { connected: true, code: undefined });
});

t.test('a file that is replaced by itself is seen, too', async (t) => {
  const folder = t.testdir({ token: 'first', 'root.pem': oldRoot.toString() });
  const rootCert = path.join(folder, 'root.pem');
  const { server } = await begin(t, { rootCert, token: path.join(folder, 'token') }, { tls: old });
  await server.subscription('clusters');
  writeFileSync(path.join(folder, 'next.pem'), both);
  copyFileSync(path.join(folder, 'next.pem'), rootCert);
  await server.subscription('clusters', 2);
});

t.test('TLS before 1.2 is refused, whatever Node was told', async (t) => {
  const { DEFAULT_MIN_VERSION } = tls;
  tls.DEFAULT_MIN_VERSION = 'TLSv1';
  t.teardown(() => (tls.DEFAULT_MIN_VERSION = DEFAULT_MIN_VERSION));
  const server = tls.createServer({ cert: old.certificate, key: old.key, maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' });
  let offered = 0;
  server.on('tlsClientError', () => (offered += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const recorder = new XdsRecorder();
  const address = `127.0.0.1:${(server.address() as { port: number }).port}`;
  const { rotate, ...files } = mounted(t, oldRoot, 'first');
  const source = createXdsSource({ address, plaintext: false, protocol: 'sotw', ...files, env: { POD_NAME: 'n', INSTANCE_IP: '192.0.2.1' }, validators: plainValidators }, recorder);
  t.teardown(() => source.stop());
  source.start();
  t.match(await recorder.until(({ code }) => code !== undefined), { code: 'KM_XDS_TLS', reason: /protocol version|unsupported protocol/i });
  t.ok(offered > 0);
});
