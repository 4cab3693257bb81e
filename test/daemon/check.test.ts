// SPDX-License-Identifier: Apache-2.0
// kmesh-daemon --check, by which the agent's doctor learns what stands between the node and its control plane.
import { status } from '@grpc/grpc-js';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { checkControlPlane } from '../../daemon/check.js';
import { parseOptions } from '../../daemon/options.js';
import type { XdsOptions } from '../../daemon/xds/index.js';
import { AdsServer, type AdsServerOptions } from '../helpers/adsServer.js';
import { makeCertificates } from '../helpers/certificates.js';
import { plainValidators } from '../helpers/xdsRecorder.js';

const folder = t.testdir({ good: {}, mesh: {}, token: 'token-of-test\n' });
const certificates = makeCertificates(path.join(folder, 'good'), 'istiod.istio-system.svc');

const options = (address: string, more: Partial<XdsOptions> = {}): XdsOptions => ({
  ...{ address, plaintext: false, protocol: 'sotw' as const, rootCert: certificates.rootFile, token: path.join(folder, 'token') },
  ...{ env: { POD_NAME: 'n', INSTANCE_IP: '192.0.2.1' }, validators: plainValidators, ...more },
});

async function serve(t: Test, more: AdsServerOptions): Promise<AdsServer> {
  const server = new AdsServer(more);
  await server.start();
  t.teardown(() => server.stop());
  return server;
}

t.test('--check needs neither objects nor an address', async (t) => {
  t.equal(parseOptions(['--check', 'files'], {}).check, 'files');
  t.equal(parseOptions(['--objects', 'x', '--xds-address', 'file:///x'], {}).check, undefined);
  t.throws(() => parseOptions(['--check', 'all'], {}), /check/);
});

t.test('addresses and files are looked at without a connection', async (t) => {
  t.match(await checkControlPlane(options(''), true), [{ name: 'control-plane-address', status: 'error', evidence: /^KM_XDS_ADDRESS: /, remedy: /XDS_ADDRESS/ }]);
  t.match(await checkControlPlane(options('nowhere'), true), [{ status: 'error', evidence: /^KM_XDS_ADDRESS: .*"nowhere"/ }]);
  t.match(await checkControlPlane(options('istio-system:istiod'), false), [
    { status: 'ok', evidence: 'istiod.istio-system.svc:15012, TLS as istiod.istio-system.svc' },
    { name: 'control-plane-secrets', status: 'ok' },
  ]);
  const without = await checkControlPlane(options('istio-system:istiod', { token: '/no/such/token' }), true);
  t.match(without, [{ status: 'ok' }, { status: 'error', evidence: /^KM_XDS_TOKEN: token \/no\/such\/token/, remedy: /istio-ca/ }]);
  t.match(await checkControlPlane(options('istio-system:istiod', { rootCert: '/no/such/root' }), false), [{}, { evidence: /^KM_XDS_ROOT_CERT/ }]);
  t.notMatch(JSON.stringify(await checkControlPlane(options('istio-system:istiod'), false)), /token-of-test/);
});

t.test('files of resources are read', async (t) => {
  const mesh = path.join(folder, 'mesh');
  t.match((await checkControlPlane(options(`file://${mesh}/none`), false)).at(-1), { name: 'control-plane', status: 'error', evidence: /^KM_XDS_FILE/ });
  writeFileSync(path.join(mesh, 'a.json'), '{}');
  t.match((await checkControlPlane(options(`file://${mesh}`), false)).at(-1), { name: 'control-plane' });
});

t.test('a control plane says what it thinks of the node', async (t) => {
  const refusing = (code: number): AdsServerOptions => ({ tls: certificates, refuse: () => ({ code, details: 'no' }) });
  const table = [[status.UNAUTHENTICATED, 'KM_XDS_TOKEN_REFUSED'], [status.PERMISSION_DENIED, 'KM_XDS_IDENTITY_REFUSED']] as const;
  for (const [code, expected] of table) {
    const server = await serve(t, refusing(code));
    t.match((await checkControlPlane(options(server.address), true)).at(-1), { name: 'control-plane', status: 'error', evidence: new RegExp(`^${expected}: `) });
  }
  const gone = await serve(t, { tls: certificates });
  const { address } = gone;
  gone.stop();
  t.match((await checkControlPlane(options(address), true)).at(-1), { status: 'error', evidence: /^KM_XDS_UNREACHABLE/ });
  const good = await serve(t, { tls: certificates });
  good.serve({});
  t.match((await checkControlPlane(options(good.address), true)).at(-1), { status: 'ok', evidence: /answers$/ });
});
