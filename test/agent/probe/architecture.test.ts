// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { architectureFact } from '../../../agent/probe/architecture.js';

t.test('machines on which maps are laid out otherwise are refused; those that were only never tried are not', async (t) => {
  t.match(architectureFact('aarch64'), { answer: 'yes' });
  t.match(architectureFact('riscv64'), { answer: 'unknown', evidence: /never tried/ });
  for (const machine of ['s390x', 'armv7l', 'i686', '']) t.match(architectureFact(machine), { answer: 'no' }, machine);
});
