// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import { copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { nameLookup } from '../../../daemon/xds/lookup.js';
import { createXdsSource } from '../../../daemon/xds/index.js';
import { systemClock } from '../../../daemon/xds/source.js';
import { AdsServer, type AdsServerOptions } from '../../helpers/adsServer.js';
import { makeCertificates } from '../../helpers/certificates.js';
import { XdsRecorder, plainValidators } from '../../helpers/xdsRecorder.js';

const ISTIOD = 'istiod.istio-system.svc';
const folder = t.testdir({ good: {}, other: {}, token: 'token-of-test\n', garbage: 'no certificate' });
const file = (name: string): string => path.join(folder, name);
const certificates = makeCertificates(file('good'), ISTIOD);
const others = makeCertificates(file('other'), 'another.example');

interface Files {
  readonly rootCert?: string;
  readonly token?: string;
}

async function begin(t: Test, files: Files, options: AdsServerOptions = { tls: certificates }) {
  const server = new AdsServer(options);
  await server.start();
  t.teardown(() => server.stop());
  const recorder = new XdsRecorder();
  const { rootCert = certificates.rootFile, token = file('token') } = files;
  const source = createXdsSource(
    { address: server.address, plaintext: false, protocol: 'sotw' as const, rootCert, token, env: { POD_NAME: 'n', INSTANCE_IP: '192.0.2.1' }, validators: plainValidators },
    recorder,
    { clock: systemClock, random: () => 0, lookup: nameLookup() },
  );
  t.teardown(() => source.stop());
  source.start();
  return { server, recorder };
}

t.test('TLS with the name of istiod, and the token', async (t) => {
  const { server, recorder } = await begin(t, {});
  const { metadata } = await server.subscription('clusters');
  t.strictSame(metadata.get('authorization'), ['Bearer token-of-test']);
  await server.push('clusters', []);
  t.equal(recorder.status?.connected, true);
});

t.test('a token that was replaced on disk is used for the next stream', async (t) => {
  const token = path.join(t.testdir({ token: 'first' }), 'token');
  const refuse: AdsServerOptions['refuse'] = ({ metadata }) =>
    metadata.get('authorization')[0] === 'Bearer second' ? undefined : { code: status.UNAUTHENTICATED, details: 'expired' };
  const { server, recorder } = await begin(t, { token }, { tls: certificates, refuse });
  t.match(await recorder.until(({ code }) => code !== undefined), { code: 'KM_XDS_TOKEN_REFUSED' });
  writeFileSync(token, 'second\n');
  await server.take(({ metadata }) => metadata.get('authorization')[0] === 'Bearer second');
  await server.push('clusters', []);
  t.match(recorder.status, { connected: true, code: undefined });
});

t.test('the token never goes over a connection without TLS', async (t) => {
  const server = new AdsServer();
  await server.start();
  t.teardown(() => server.stop());
  const options = { address: server.address, plaintext: true, protocol: 'sotw' as const, rootCert: certificates.rootFile, token: file('token'), env: { POD_NAME: 'n' }, validators: plainValidators };
  const source = createXdsSource(options, new XdsRecorder());
  t.teardown(() => source.stop());
  source.start();
  t.strictSame((await server.subscription('clusters')).metadata.get('authorization'), []);
});

const failures: readonly [string, Files, AdsServerOptions, string, RegExp][] = [
  ['a root that did not sign the certificate', { rootCert: others.rootFile }, { tls: certificates }, 'KM_XDS_TLS', /as istiod\.istio-system\.svc: .*certificate/],
  ['a certificate for another name', { rootCert: others.rootFile }, { tls: others }, 'KM_XDS_TLS', /altnames.*another\.example/],
  ['a server without TLS', {}, {}, 'KM_XDS_TLS', /./],
  ['no root certificate', { rootCert: file('missing') }, { tls: certificates }, 'KM_XDS_ROOT_CERT', /root certificate .*missing: ENOENT/],
  ['garbage as root certificate', { rootCert: file('garbage') }, { tls: certificates }, 'KM_XDS_ROOT_CERT', /root certificate .*garbage/],
  ['no token', { token: file('missing') }, { tls: certificates }, 'KM_XDS_TOKEN', /token .*missing: ENOENT/],
  ['a folder as token', { token: folder }, { tls: certificates }, 'KM_XDS_TOKEN', /EISDIR/],
];

for (const [what, files, options, code, reason] of failures) {
  t.test(`${what}: ${code}`, async (t) => {
    const { recorder } = await begin(t, files, options);
    t.match(await recorder.until((seen) => seen.code !== undefined), { connected: false, code, reason });
  });
}

t.test('goes on trying: a root certificate that is mounted later is found', async (t) => {
  const rootCert = path.join(t.testdir({}), 'root.pem');
  const { server, recorder } = await begin(t, { rootCert });
  await recorder.until(({ code }) => code === 'KM_XDS_ROOT_CERT');
  copyFileSync(certificates.rootFile, rootCert);
  await server.subscription('clusters');
});
