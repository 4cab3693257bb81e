// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import type { NetworkInterfaceInfo } from 'node:os';
import t from 'tap';
import { nodeIdentity, type Host } from '../../../daemon/xds/node.js';

const address = (family: 'IPv4' | 'IPv6', text: string, internal = false): NetworkInterfaceInfo =>
  ({ family, address: text, internal, netmask: '', mac: '', cidr: null, ...(family === 'IPv6' ? { scopeid: 0 } : {}) }) as NetworkInterfaceInfo;

const host: Host = {
  hostname: 'node-1',
  interfaces: {
    lo: [address('IPv4', '127.0.0.1', true), address('IPv6', '::1', true)],
    eth0: [address('IPv4', '169.254.1.1'), address('IPv4', '192.0.2.7'), address('IPv6', 'fe80::1'), address('IPv6', '2001:db8::7')],
  },
};

const captured = '../shared/fixtures/istiod/node-metadata.json';

t.test('in a pod it is what istiod was seen to accept', { skip: existsSync(captured) ? false : `${captured} is not there` }, async (t) => {
  const expected = JSON.parse(readFileSync(captured, 'utf8')) as Record<string, unknown>;
  const node = nodeIdentity({ POD_NAME: 'kmesh-x7k2p', POD_NAMESPACE: 'kmesh-system', INSTANCE_IP: '10.244.1.29', CLUSTER_ID: 'Kubernetes' }, host);
  t.equal(node.id, 'sidecar~10.244.1.29~kmesh-x7k2p.kmesh-system~kmesh-system.svc.cluster.local');
  t.strictSame(node.metadata, expected);
});

t.test('by hand it is made of the host, with an address of each family that others can reach', async (t) => {
  const node = nodeIdentity({}, host);
  t.equal(node.id, 'sidecar~192.0.2.7~node-1.default~default.svc.cluster.local');
  t.equal(node.metadata?.['INSTANCE_IPS'], '192.0.2.7,2001:db8::7');
});

t.test('the addresses of a dual-stack pod all reach istiod', async (t) => {
  const node = nodeIdentity({ POD_IP: '10.0.0.1, fd00::1' }, host);
  t.match(node.id, /^sidecar~10\.0\.0\.1~/);
  t.equal(node.metadata?.['INSTANCE_IPS'], '10.0.0.1,fd00::1');
});

t.test('a host without a network still has an identity', async (t) => {
  t.match(nodeIdentity({}, { hostname: '', interfaces: {} }).id, /^sidecar~127\.0\.0\.1~localhost\.default~/);
});

for (const [env, named] of [
  [{ POD_NAME: 'a~b' }, /POD_NAME is "a~b"/],
  [{ POD_NAMESPACE: 'x y' }, /POD_NAMESPACE is "x y"/],
  [{ INSTANCE_IP: '10.0.0.1,nonsense' }, /INSTANCE_IP holds "nonsense"/],
] as const) {
  t.test(`refuses ${JSON.stringify(env)}`, async (t) => {
    t.throws(() => nodeIdentity(env, host), { code: 'KM_XDS_NODE', message: named });
  });
}
