// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { findModule } from '../../../agent/probe/procModules.js';

const TABLE = `kmesh_foo 16384 0 - Live 0x0000000000000000 (OE)
kmesh 57344 3 one,two, Live 0x0000000000000000 (OE)
nf_tables 303104 0 - Live 0x0000000000000000
`;

t.test('only the exact name counts', (t) => {
  t.same(findModule(TABLE, 'kmesh'), { name: 'kmesh', references: 3, usedBy: ['one', 'two'], state: 'Live' });
  t.same(findModule(TABLE, 'kmesh_foo')?.usedBy, []);
  for (const name of ['kmes', 'KMESH', 'foo']) t.equal(findModule(TABLE, name), undefined, name);
  t.equal(findModule('', 'kmesh'), undefined);
  t.end();
});

t.test('lines of other kernels', (t) => {
  t.match(findModule('kmesh 57344 1 - Unloading 0x0 (OE-)\n', 'kmesh'), { state: 'Unloading', references: 1 });
  t.match(findModule('kmesh 57344 0 - Loading 0x0 (OE+)\n', 'kmesh'), { state: 'Loading' });
  t.match(findModule('kmesh 57344 0 [permanent], Live 0x0\n', 'kmesh'), { usedBy: [] });
  t.match(findModule('kmesh 57344 - - Live 0x0\n', 'kmesh'), { references: undefined }, 'without CONFIG_MODULE_UNLOAD');
  t.match(findModule('kmesh', 'kmesh'), { references: undefined, usedBy: [], state: 'Live' }, 'cut short');
  t.end();
});
