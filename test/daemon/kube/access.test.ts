// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { readAccess } from '../../../daemon/kube/access.js';
import { temporaryFolder } from '../../helpers/bpfObject.js';

const folder = temporaryFolder();
fs.writeFileSync(path.join(folder, 'token'), 'a.token\n');
fs.writeFileSync(path.join(folder, 'ca.crt'), 'PEM');
const options = { server: undefined, kubeconfig: undefined, account: folder, env: { KUBERNETES_SERVICE_HOST: '10.96.0.1' } };

t.test('the account of the pod', async (t) => {
  t.match(await readAccess(options), { server: 'https://10.96.0.1:443', ca: 'PEM', token: 'a.token' });
  t.match(await readAccess({ ...options, env: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' } }), { server: 'https://[fd00::1]:6443' });
  t.match(await readAccess({ ...options, server: 'https://api:6443' }), { server: 'https://api:6443', token: 'a.token' });
  fs.writeFileSync(path.join(folder, 'token'), 'renewed.token');
  t.match(await readAccess(options), { token: 'renewed.token' });
});

t.test('a kubeconfig', async (t) => {
  const kubeconfig = path.join(folder, 'config');
  fs.writeFileSync(
    kubeconfig,
    JSON.stringify({
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
      clusters: [{ name: 'k', cluster: { server: 'https://api.example:6443', 'certificate-authority': 'ca.crt' } }],
      users: [{ name: 'u', user: { tokenFile: 'token' } }],
    }),
  );
  t.match(await readAccess({ ...options, kubeconfig }), { server: 'https://api.example:6443', ca: 'PEM', token: 'renewed.token' });
  fs.writeFileSync(kubeconfig, JSON.stringify({ 'current-context': 'c' }));
  await t.rejects(readAccess({ ...options, kubeconfig }), { code: 'KM_KUBE_ACCOUNT', message: /its current-context "c" is not among its contexts/ });
});

t.test('what is missing is named', async (t) => {
  await t.rejects(readAccess({ ...options, env: {} }), { code: 'KM_KUBE_ACCOUNT', message: 'KUBERNETES_SERVICE_HOST is not set' });
  await t.rejects(readAccess({ ...options, account: path.join(folder, 'none') }), { code: 'KM_KUBE_ACCOUNT', message: /none\/token/ });
  fs.writeFileSync(path.join(folder, 'token'), 'x'.repeat((1 << 20) + 1));
  await t.rejects(readAccess(options), { code: 'KM_KUBE_ACCOUNT', message: /1048577 bytes/ });
});
