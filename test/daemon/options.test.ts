// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { parseOptions } from '../../daemon/options.js';

const needed = ['--objects', '/o', '--xds-address', 'istiod:15010'];

t.test('defaults are the contract with the agent', async (t) => {
  t.match(parseOptions(needed), { mode: 'ads', objects: '/o', cgroup: '/mnt/kmesh_cgroup2', bpfFsPath: '/sys/fs/bpf', adminPort: 15200, xdsPlaintext: false, cleanup: false });
  t.equal(parseOptions([...needed, '--mode', 'kernel-native']).mode, 'ads', 'the alias');
  t.ok(parseOptions(['--cleanup']).cleanup, 'cleanup needs nothing else');
});

t.test('the address of the control plane comes from the environment too', async (t) => {
  const env = { XDS_ADDRESS: 'file:///mesh' };
  t.equal(parseOptions(['--objects', '/o'], env).xdsAddress, 'file:///mesh');
  t.equal(parseOptions(needed, env).xdsAddress, 'istiod:15010', 'the option goes before it');
});

const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no objects', ['--xds-address', 'a:1'], /--objects/],
  ['no control plane', ['--objects', '/o', '--xds-address', ''], /XDS_ADDRESS/],
  ['an unknown option', [...needed, '--nonsense'], /nonsense/],
  ['a stray word', [...needed, 'stray'], /stray|Too many/i],
  ['an unknown mode', [...needed, '--mode', 'workload'], /mode/],
  ['a port out of range', [...needed, '--admin-port', '70000'], /--admin-port takes a whole number from 1 to 65535/],
  ['a port that is no number', [...needed, '--admin-port', 'x'], /--admin-port/],
  ['a map of no entries', [...needed, '--max-clusters', '0'], /--max-clusters takes a whole number/],
  ['a map without end', [...needed, '--max-endpoints', '1e12'], /--max-endpoints takes a whole number/],
  ['half an entry', [...needed, '--max-splits', '1.5'], /--max-splits/],
];

for (const [name, argv, message] of refused) {
  t.test(`refused: ${name}`, async (t) => {
    t.throws(() => parseOptions(argv, {}), { name: 'UsageError', message });
  });
}
