// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { cgroupVersion, parseCpuLimit, parseMemoryLimit, parseProcCgroup } from '../../../agent/probe/cgroup.js';
import { parseMountinfo } from '../../../agent/probe/mountinfo.js';

t.test('/proc/self/cgroup', (t) => {
  t.same(parseProcCgroup('4:memory:/pods/a:b\n3:cpu,cpuacct:/\n1:name=systemd:/\n0::/kubepods.slice\n'), [
    { hierarchy: 4, controllers: ['memory'], path: '/pods/a:b' },
    { hierarchy: 3, controllers: ['cpu', 'cpuacct'], path: '/' },
    { hierarchy: 1, controllers: ['name=systemd'], path: '/' },
    { hierarchy: 0, controllers: [], path: '/kubepods.slice' },
  ]);
  for (const bad of ['x', '0:/', '0::kubepods', 'a::/']) t.throws(() => parseProcCgroup(bad), { name: 'ProbeError', problem: 'garbage' }, bad);
  t.end();
});

t.test('which version a host has', (t) => {
  const line = (type: string, at: string): string => `9 1 0:9 / ${at} rw - ${type} none rw\n`;
  const v1 = line('cgroup', '/sys/fs/cgroup/memory');
  const v2 = line('cgroup2', '/sys/fs/cgroup/unified');
  const cases: [string, string][] = [[v1, 'v1'], [v2, 'v2'], [v1 + v2, 'hybrid'], [line('tmpfs', '/sys/fs/cgroup'), 'none'], ['', 'none']];
  for (const [text, version] of cases) t.equal(cgroupVersion(parseMountinfo(text)).version, version);
  t.match(cgroupVersion(parseMountinfo(v1 + v2)).evidence, /\/sys\/fs\/cgroup\/memory.*\/sys\/fs\/cgroup\/unified/);
  t.end();
});

t.test('memory limits', (t) => {
  const cases: [string, number | undefined][] = [
    ['max\n', undefined],
    ['419430400\n', 419430400],
    ['0', 0],
    ['9223372036854771712\n', undefined],
    ['9223372036854710272\n', undefined],
    ['18446744073709551615', undefined],
  ];
  for (const [text, bytes] of cases) t.equal(parseMemoryLimit(text), bytes, text.trim());
  for (const bad of ['', '-1', '1e9', '400M', '0x10', 'max max', '1'.repeat(30)]) t.throws(() => parseMemoryLimit(bad), { name: 'ProbeError' }, JSON.stringify(bad));
  t.end();
});

t.test('CPU limits', (t) => {
  const cases: [string, string | undefined, number | undefined][] = [
    ['max 100000\n', undefined, undefined],
    ['150000 100000\n', undefined, 1.5],
    ['-1\n', '100000\n', undefined],
    ['50000\n', '100000\n', 0.5],
  ];
  for (const [quota, period, cpus] of cases) t.equal(parseCpuLimit(quota, period), cpus, `${quota} ${period}`);
  const bad: [string, string?][] = [[''], ['100000'], ['100000 0'], ['x 100000'], ['1', ''], ['-2', '100000'], ['1 2 3']];
  for (const texts of bad) t.throws(() => parseCpuLimit(...texts), { name: 'ProbeError' }, JSON.stringify(texts));
  t.end();
});
