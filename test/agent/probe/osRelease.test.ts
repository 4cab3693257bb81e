// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { parseOsRelease } from '../../../agent/probe/osRelease.js';

t.test('a usual file', (t) => {
  const text = '# comment\nNAME="CentOS Stream"\nID="centos"\nID_LIKE="rhel  fedora"\nVERSION_ID="8"\nPRETTY_NAME=\'CentOS Stream 8\'\n\n';
  t.same(parseOsRelease(text), { id: 'centos', idLike: ['rhel', 'fedora'], name: 'CentOS Stream', versionId: '8', prettyName: 'CentOS Stream 8' });
  t.end();
});

t.test('defaults of os-release(5), also for an unreadable file', (t) => {
  for (const text of ['', '\0\0', 'not an assignment', '=x']) {
    t.same(parseOsRelease(text), { id: 'linux', idLike: [], name: 'Linux', versionId: '', prettyName: 'Linux' });
  }
  t.end();
});

t.test('quoting', (t) => {
  const cases: [string, string][] = [
    ['bare', 'bare'],
    ['"two words"', 'two words'],
    ["'two words'", 'two words'],
    ['"a \\"quote\\", \\$5, \\`x\\`, \\\\"', 'a "quote", $5, `x`, \\'],
    ['"a \\n stays"', 'a \\n stays'],
    ["'no \\escapes $here'", 'no \\escapes $here'],
    ['bare\\ blank', 'bare blank'],
    ['"joined"\' words\'', 'joined words'],
    ['"blanks after"   ', 'blanks after'],
    ['"DOS"\r', 'DOS'],
    ['""', ''],
  ];
  for (const [value, expected] of cases) t.equal(parseOsRelease(`PRETTY_NAME=${value}`).prettyName, expected, value);
  t.end();
});

t.test('a value that is not one word is skipped', (t) => {
  for (const value of ['"open', "'open", 'two words', '"a" b', 'ends\\', '"bell\u0007"', '"escape\u001b[31m"']) {
    t.equal(parseOsRelease(`PRETTY_NAME=${value}`).prettyName, 'Linux', JSON.stringify(value));
  }
  t.end();
});

t.test('the last assignment counts, names are exact', (t) => {
  t.equal(parseOsRelease('ID=debian\nID=ubuntu\nXID=fedora\nID_X=suse').id, 'ubuntu');
  t.equal(parseOsRelease('ID=Debian').id, 'debian');
  t.throws(() => parseOsRelease('x'.repeat(70_000)), { name: 'ProbeError', problem: 'too-large' });
  t.end();
});
