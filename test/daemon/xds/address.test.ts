// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { parseXdsAddress, type XdsAddress } from '../../../daemon/xds/address.js';

const grpc = (host: string, port: number, serverName: string | undefined): XdsAddress => ({ kind: 'grpc', host, port, serverName });

const good: readonly [string, boolean, XdsAddress][] = [
  ['istiod.istio-system.svc:15012', false, grpc('istiod.istio-system.svc', 15012, 'istiod.istio-system.svc')],
  ['istiod.istio-system.svc:15010', false, grpc('istiod.istio-system.svc', 15010, undefined)],
  ['control.example:443', true, grpc('control.example', 443, undefined)],
  // An address is on no certificate of istiod's; its service name is.
  ['172.18.0.10:15012', false, grpc('172.18.0.10', 15012, 'istiod.istio-system.svc')],
  ['[fd00::1]:15012', false, grpc('fd00::1', 15012, 'istiod.istio-system.svc')],
  ['[::1]:15010', false, grpc('::1', 15010, undefined)],
  ['istio-system:istiod', false, grpc('istiod.istio-system.svc', 15012, 'istiod.istio-system.svc')],
  ['istio-system:istiod', true, grpc('istiod.istio-system.svc', 15012, undefined)],
  ['file:///etc/kmesh/mesh%20of%20mine', false, { kind: 'file', path: '/etc/kmesh/mesh of mine' }],
];

for (const [text, plaintext, expected] of good) {
  t.test(`${text}${plaintext ? ', plaintext' : ''}`, async (t) => {
    t.strictSame(parseXdsAddress(text, plaintext), expected);
  });
}

const bad = [
  '', 'istiod', 'host:', 'host:0', 'host:65536', 'host:-1', ':15012', 'fd00::1:15012', '[fd00::1]', '[nonsense]:1', 'a b:15012',
  'host:15012/path', 'http://host:15012', '-istio:istiod', 'istio-system:istiod:15012', 'file://host/path', 'file:relative%', `${'a'.repeat(300)}:1`,
];

for (const text of bad) {
  t.test(`refuses ${JSON.stringify(text.slice(0, 40))} by name`, async (t) => {
    t.throws(() => parseXdsAddress(text, false), { code: 'KM_XDS_ADDRESS', message: new RegExp(`^XDS_ADDRESS "${text.slice(0, 5).replace(/[[\]]/g, '\\$&')}`) });
  });
}
