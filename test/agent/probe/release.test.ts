// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compareVersions, parseRelease } from '../../../agent/probe/release.js';

t.test('releases of distributions', (t) => {
  const cases: [string, number, number, number, string][] = [
    ['6.1.0-18-amd64', 6, 1, 0, 'amd64'],
    ['5.15.0-1053-aws', 5, 15, 0, 'aws'],
    ['4.18.0-394.el8.x86_64', 4, 18, 0, ''],
    ['6.1.19-7.0.0.17.oe2303.x86_64', 6, 1, 19, ''],
    ['5.14.21-150500.55.39-default', 5, 14, 21, 'default'],
    ['6.6.31-flatcar', 6, 6, 31, 'flatcar'],
    ['5.15.90.1-microsoft-standard-WSL2', 5, 15, 90, 'WSL2'],
    ['6.12', 6, 12, 0, ''],
    ['6.1.0+', 6, 1, 0, ''],
    ['7.0.0~rc3-cloud-amd64\n', 7, 0, 0, 'amd64'],
  ];
  for (const [text, major, minor, patch, flavour] of cases) {
    t.same(parseRelease(text), { release: text.trim(), major, minor, patch, flavour }, text);
  }
  t.end();
});

t.test('what could leave its folder or its command is no release', (t) => {
  const cases = ['', '6', 'linux', 'v6.1', '6.1.0/../../etc', '6.1..2', '6.1.0 -o x', '6.1.0;reboot', '6.1.0\n6.2.0', '6.1.0$(id)', `6.1.0-${'a'.repeat(64)}`, '999999.1'];
  for (const text of cases) t.equal(parseRelease(text), undefined, JSON.stringify(text));
  t.end();
});

t.test('versions are compared as numbers', (t) => {
  const cases: [string, string, number][] = [
    ['0.10.0', '0.6.0', 1],
    ['0.6.0', '0.10.0', -1],
    ['1.1', '1.1.0', 0],
    ['1.1.2', '1.1', 1],
    ['v1.5.0', '1.5.0', 0],
    ['0.6.0-rc1', '0.6.0', 0],
    ['1.7.0+dfsg', '1.6.9', 1],
    ['', '0.0', 0],
  ];
  for (const [a, b, sign] of cases) t.equal(Math.sign(compareVersions(a, b)), sign, `${a} against ${b}`);
  t.end();
});
