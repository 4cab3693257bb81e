// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { configFact, parseKconfig } from '../../../agent/probe/kconfig.js';

const TEXT = [
  '#',
  '# Automatically generated file; DO NOT EDIT.',
  'CONFIG_CC_VERSION_TEXT="gcc \\"12\\" (Debian)"',
  'CONFIG_BPF_SYSCALL=y\r',
  'CONFIG_IPV6=m',
  'CONFIG_HZ=250',
  '# CONFIG_MODULES is not set',
  '# CONFIG_NOTE is not set for good',
  '#CONFIG_COMMENTED=y',
  'CONFIG_EMPTY=""',
].join('\n');

t.test('options', (t) => {
  t.same(Object.fromEntries(parseKconfig(TEXT)), {
    CONFIG_CC_VERSION_TEXT: 'gcc "12" (Debian)',
    CONFIG_BPF_SYSCALL: 'y',
    CONFIG_IPV6: 'm',
    CONFIG_HZ: '250',
    CONFIG_MODULES: 'n',
    CONFIG_EMPTY: '',
  });
  t.equal(parseKconfig('<html>').size, 0);
  t.throws(() => parseKconfig('x'.repeat(5 * 1024 * 1024)), { name: 'ProbeError', problem: 'too-large' });
  t.end();
});

t.test('facts tell where they come from', (t) => {
  const config = parseKconfig(TEXT);
  t.same(configFact(config, 'CONFIG_BPF_SYSCALL', '/proc/config.gz'), { answer: 'yes', evidence: 'CONFIG_BPF_SYSCALL=y in /proc/config.gz' });
  t.match(configFact(config, 'CONFIG_IPV6', 'F'), { answer: 'yes', evidence: /=m/ });
  t.match(configFact(config, 'CONFIG_MODULES', 'F'), { answer: 'no', evidence: /is not set in F/ });
  t.match(configFact(config, 'CONFIG_CGROUP_BPF', 'F'), { answer: 'no', evidence: /is not in F/ });
  t.match(configFact(undefined, 'CONFIG_MODULES', 'F'), { answer: 'unknown' });
  t.match(configFact(parseKconfig('garbage'), 'CONFIG_MODULES', 'F'), { answer: 'unknown' }, 'no configuration proves nothing');
  t.end();
});
