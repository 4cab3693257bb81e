// SPDX-License-Identifier: Apache-2.0
import net from 'node:net';
import t from 'tap';
import { readAddress, writeAddress } from '../../../daemon/maps/address.js';

function bytes(text: string): string {
  // Not zero before, so that bytes which are left out show.
  const buffer = Buffer.alloc(18, 0xee);
  writeAddress(text, buffer, 1);
  t.equal(buffer[0], 0xee, 'the byte before is left alone');
  t.equal(buffer[17], 0xee, 'the byte behind is left alone');
  return buffer.toString('hex', 1, 17);
}

const MAPPED = '00000000000000000000ffff';

await t.test('text to bytes', async (test) => {
  const table = [
    ['10.96.0.1', `${MAPPED}0a600001`],
    ['0.0.0.0', `${MAPPED}00000000`],
    ['255.255.255.255', `${MAPPED}ffffffff`],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['1::', `0001${'00'.repeat(14)}`],
    ['fd00::1:2', 'fd000000000000000000000000010002'],
    ['2001:DB8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
    ['::ffff:10.96.0.1', `${MAPPED}0a600001`],
    ['64:ff9b::192.0.2.1', '0064ff9b0000000000000000c0000201'],
  ] as const;
  for (const [text, expected] of table) test.equal(bytes(text), expected, text);
});

await t.test('bytes to text, as RFC 5952 writes it', async (test) => {
  const table = [
    ['10.96.0.1', '10.96.0.1'],
    ['::ffff:10.96.0.1', '10.96.0.1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['FD00:0:0:0:0:0:0:00AB', 'fd00::ab'],
  ] as const;
  for (const [text, expected] of table) {
    const buffer = Buffer.alloc(16);
    writeAddress(text, buffer, 0);
    test.equal(readAddress(buffer, 0), expected, text);
  }
});

await t.test('every address comes back as it was', async (test) => {
  const buffer = Buffer.alloc(16);
  const again = Buffer.alloc(16);
  const wrong: string[] = [];
  for (let i = 0; i < 2000; i += 1) {
    // Many zeros, so that all places of :: are met.
    for (let at = 0; at < 16; at += 1) buffer[at] = Math.random() < 0.6 ? 0 : Math.floor(Math.random() * 256);
    const text = readAddress(buffer, 0);
    writeAddress(text, again, 0);
    if (!again.equals(buffer) || net.isIP(text) === 0) wrong.push(`${buffer.toString('hex')} as ${text}`);
  }
  test.same(wrong, []);
});

await t.test('what is no address is refused by name', async (test) => {
  const table = [
    '', '.', '...', '10', '10.0.0', '10.0.0.', '.10.0.0', '10..0.1', '10.0.0.1.2', '10.0.0.256', '10.0.0.01', '10.0.0.-1', '10.0.0.1 ', ' 10.0.0.1', '1e1.0.0.1',
    ':', ':::', '1:2', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', '1:2:3:4:5:6:7::8', '::12345', '::g', 'fe80::1%eth0', '::1.2.3', '1.2.3.4::', '::1.2.3.4:5', '[::1]', 'localhost',
  ];
  for (const text of table) {
    test.equal(net.isIP(text) === 0 || text.includes('%'), true, `"${text}" is none by Node's rules either`);
    test.throws(() => writeAddress(text, Buffer.alloc(16), 0), { name: 'RangeError', message: `"${text}" is not an IP address` });
  }
});
