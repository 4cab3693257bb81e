// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { type Mount, mountsOfType, parseMountinfo, topMountAt } from '../../../agent/probe/mountinfo.js';

t.test('all fields', (t) => {
  t.same(parseMountinfo('36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n'), [
    {
      id: 36, parent: 35, device: '98:0', root: '/mnt1', mountPoint: '/mnt2', options: ['rw', 'noatime'],
      fsType: 'ext3', source: '/dev/root', superOptions: ['rw', 'errors=continue'],
    },
  ]);
  t.end();
});

t.test('odd but legal lines', (t) => {
  const one = (line: string): Mount | undefined => parseMountinfo(line)[0];
  t.match(one('1 0 0:1 / / rw - tmpfs  rw'), { fsType: 'tmpfs', source: '', superOptions: ['rw'] }, 'an empty source');
  t.match(one('1 0 0:1 / /a\\040b\\011c\\012d\\134e rw - tmpfs x\\040y rw'), { mountPoint: '/a b\tc\nd\\e', source: 'x y' });
  t.match(one('1 0 0:1 / /a\\134040b rw - tmpfs x rw'), { mountPoint: '/a\\040b' }, 'an escaped backslash before digits');
  t.match(one('1 0 0:1 / /- rw - tmpfs - rw'), { mountPoint: '/-', source: '-' }, 'dashes as names');
  t.match(one('1 0 0:1 / /a\u2028b\rc rw - tmpfs x rw'), { mountPoint: '/a\u2028b\rc' }, 'line breaks that do not end a line');
  t.end();
});

t.test('other lines name themselves', (t) => {
  const good = '1 0 0:1 / / rw - tmpfs x rw\n';
  for (const line of ['x', '1 0 0:1 / / rw tmpfs x rw', '1 0 0:1 / / rw - tmpfs', 'a 0 0:1 / / rw - tmpfs x rw', '1 0 0-1 / / rw - tmpfs x rw', '1 0 0:1 / mnt rw - tmpfs x rw', '1 0 0:1 - tmpfs x rw']) {
    t.throws(() => parseMountinfo(good + line), { name: 'ProbeError', problem: 'garbage', message: /line 2 / }, line);
  }
  t.end();
});

const mount = (id: number, parent: number, mountPoint: string, fsType = 'tmpfs'): string => `${id} ${parent} 0:${id} / ${mountPoint} rw - ${fsType} none rw\n`;

t.test('the mount that a process sees', (t) => {
  const cases: [string, string, string, number | undefined][] = [
    ['a mount', mount(1, 0, '/') + mount(2, 1, '/mnt'), '/mnt', 2],
    ['the root', mount(1, 0, '/') + mount(2, 1, '/mnt'), '/', 1],
    ['a slash at the end', mount(1, 0, '/') + mount(2, 1, '/mnt'), '/mnt/', 2],
    ['no mount point', mount(1, 0, '/') + mount(2, 1, '/mnt'), '/mnt/a', undefined],
    ['a name that only begins alike', mount(1, 0, '/') + mount(2, 1, '/mnt2'), '/mnt', undefined],
    ['stacked: the last wins', mount(1, 0, '/') + mount(2, 1, '/mnt') + mount(3, 2, '/mnt'), '/mnt', 3],
    ['stacked, listed in another order', mount(1, 0, '/') + mount(3, 2, '/mnt') + mount(2, 1, '/mnt'), '/mnt', 3],
    ['hidden by a mount over the folder above', mount(1, 0, '/') + mount(2, 1, '/a/b') + mount(3, 1, '/a'), '/a/b', undefined],
    ['mounted again inside the mount that hides', mount(1, 0, '/') + mount(2, 1, '/a/b') + mount(3, 1, '/a') + mount(4, 3, '/a/b'), '/a/b', 4],
    ['a root over the initramfs', mount(1, 1, '/') + mount(2, 1, '/') + mount(3, 2, '/sys') + mount(4, 3, '/sys/fs/bpf'), '/sys/fs/bpf', 4],
    ['no root in sight, as in a chroot', mount(2, 1, '/mnt') + mount(3, 2, '/mnt'), '/mnt', 3],
    ['a loop, which no kernel writes', mount(1, 0, '/') + mount(2, 3, '/mnt') + mount(3, 2, '/mnt'), '/mnt', undefined],
    ['a loop without a root', mount(1, 2, '/') + mount(2, 1, '/'), '/', 2],
    ['a loop through an id that stands twice', mount(1, 0, '/') + mount(2, 1, '/mnt') + mount(3, 2, '/mnt') + mount(2, 3, '/mnt'), '/mnt', 3],
  ];
  for (const [name, text, path, id] of cases) t.equal(topMountAt(parseMountinfo(text), path)?.id, id, name);
  t.end();
});

t.test('mounts of a type', (t) => {
  const mounts = parseMountinfo(mount(1, 0, '/') + mount(2, 1, '/a', 'cgroup') + mount(3, 1, '/b', 'cgroup2'));
  t.same(mountsOfType(mounts, 'cgroup').map((one) => one.id), [2]);
  t.end();
});

t.test("this process's own mounts", { skip: existsSync('/proc/self/mountinfo') ? false : 'no /proc here' }, (t) => {
  const mounts = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  t.equal(topMountAt(mounts, '/proc')?.fsType, 'proc');
  t.end();
});
