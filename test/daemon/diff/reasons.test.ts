// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import t from 'tap';
import { REASON_NUMBER } from '../../../daemon/diff/reasons.js';

t.test('reasons have the numbers of the C header', (t) => {
  const header = readFileSync('bpf/include/kmesh/layout.h', 'utf8');
  const numbers = Object.fromEntries([...header.matchAll(/KM_REASON_(\w+) = (\d+)/g)].map(([, name, number]) => [name!.toLowerCase(), Number(number)]));
  t.match(numbers, REASON_NUMBER);
  t.end();
});
