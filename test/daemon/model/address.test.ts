// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { isUnspecified, maskIp, parseIp } from '../../../daemon/model/address.js';
import { domainAddress } from '../../../daemon/model/domains.js';

t.test('addresses are read and written in their canonical form', (t) => {
  const cases: [text: string, canonical: string | undefined][] = [
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['FD00:0:0:0:0:0:0:1', 'fd00::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::', 'fe80::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '10.0.0.1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ...['', '1', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.4 ', '1.2.3.-4', '0x1.2.3.4', 'localhost', ':', ':::', '1::2::3', '12345::', '::g',
      '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '::1%eth0', '[::1]', '::1.2.3', '1.2.3.4::', ':1:2:3:4:5:6:7', `${':'.repeat(60)}`,
    ].map((text): [string, undefined] => [text, undefined]),
  ];
  for (const [text, canonical] of cases) t.equal(parseIp(text)?.text, canonical, JSON.stringify(text));
  t.end();
});

t.test('host bits are masked', (t) => {
  const cases: [string, number, string][] = [['10.1.2.255', 28, '10.1.2.240'], ['10.1.2.3', 0, '0.0.0.0'], ['10.1.2.3', 32, '10.1.2.3'], ['fd00::ffff', 113, 'fd00::8000'], ['::1', 0, '::']];
  for (const [text, length, network] of cases) t.equal(maskIp(parseIp(text)!, length).text, network);
  t.ok(isUnspecified(parseIp('::')!) && isUnspecified(parseIp('0.0.0.0')!) && !isUnspecified(parseIp('::1')!));
  t.end();
});

t.test('domains that tell an address', (t) => {
  const cases: [domain: string, address: string | undefined, port: number | undefined][] = [
    ['10.0.0.1', '10.0.0.1', undefined],
    ['10.0.0.1:80', '10.0.0.1', 80],
    ['[fd00::1]', 'fd00::1', undefined],
    ['[::1]:80', '::1', 80],
    ['fd00::1', 'fd00::1', undefined],
    ...['*', '*.example.com', 'example.com:80', '10.0.0.1.', '10.0.0.1:', '10.0.0', '[10.0.0.1]', '[::1', '[::1]:x', '10.0.0.1:123456'].map((domain): [string, undefined, undefined] => [domain, undefined, undefined]),
  ];
  for (const [domain, address, port] of cases) {
    t.equal(domainAddress(domain)?.ip.text, address, domain);
    t.equal(domainAddress(domain)?.port, port, domain);
  }
  t.end();
});
