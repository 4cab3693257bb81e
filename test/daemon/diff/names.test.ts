// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { storedName } from '../../../daemon/diff/names.js';

t.test('names that fit are kept', (t) => {
  for (const name of ['outbound|80||a.b.svc.cluster.local', 'x'.repeat(255), 'é'.repeat(127)]) t.equal(storedName(name), name);
  t.end();
});

t.test('longer names are cut to 255 bytes, differ where the names do, and stay the same', (t) => {
  const long = ['x'.repeat(256), `${'x'.repeat(256)}y`, '世'.repeat(200), `${'世'.repeat(200)}界`, `a\0b`, 'a?b\0', '😀'.repeat(64)];
  const stored = long.map(storedName);
  t.equal(new Set(stored).size, long.length);
  t.same(long.map(storedName), stored);
  for (const name of stored) {
    t.ok(Buffer.byteLength(name) <= 255);
    t.notOk(name.includes('\0') || name.includes('\ufffd'), 'no NUL and no half character');
  }
  t.end();
});
