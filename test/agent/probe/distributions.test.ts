// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { DISTRIBUTIONS, type Need, distributionOf, installRemedy } from '../../../agent/probe/distributions.js';
import { parseOsRelease } from '../../../agent/probe/osRelease.js';

const NEEDS: readonly Need[] = ['kernelHeaders', 'uapiHeaders', 'clang', 'make', 'libbpf'];
const remedy = (osRelease: string, need: Need, release: string): string => installRemedy(distributionOf(parseOsRelease(osRelease)), need, release);

t.test('the exact package', (t) => {
  const cases: [string, Need, string, string][] = [
    ['ID=debian', 'kernelHeaders', '6.1.0-18-amd64', 'apt-get install linux-headers-6.1.0-18-amd64'],
    ['ID=debian', 'uapiHeaders', '6.1.0', 'apt-get install linux-libc-dev'],
    ['ID=ubuntu\nID_LIKE=debian', 'libbpf', '6.1.0', 'apt-get install libbpf-dev'],
    ['ID=rocky\nID_LIKE="rhel centos fedora"', 'kernelHeaders', '4.18.0-394.el8.x86_64', 'dnf install kernel-devel-4.18.0-394.el8.x86_64'],
    ['ID="openEuler"', 'kernelHeaders', '5.10.0-60.oe2203.x86_64', 'dnf install kernel-devel-5.10.0-60.oe2203.x86_64'],
    ['ID="amzn"\nID_LIKE=fedora', 'kernelHeaders', '6.1.79-99.amzn2023.x86_64', 'yum install "kernel-devel-uname-r == 6.1.79-99.amzn2023.x86_64"'],
    ['ID=ol\nID_LIKE=fedora', 'kernelHeaders', '5.15.0-200.el9uek.x86_64', 'dnf install kernel-uek-devel-5.15.0-200.el9uek.x86_64'],
    ['ID=opensuse-leap\nID_LIKE="suse opensuse"', 'kernelHeaders', '5.14.21-150500.55.39-default', 'zypper install kernel-default-devel'],
    ['ID=sles', 'kernelHeaders', '5.14.21-150500.55.39-azure', 'zypper install kernel-azure-devel'],
    ['ID=sles', 'uapiHeaders', '5.14.21', 'zypper install linux-glibc-devel'],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"', 'clang', '6.1.0', 'apt-get install clang'],
  ];
  for (const [osRelease, need, release, expected] of cases) t.equal(remedy(osRelease, need, release), expected, `${osRelease} ${need}`);
  t.end();
});

t.test('no made up package where there is none', (t) => {
  for (const id of ['ID=flatcar\nID_LIKE=coreos', 'ID=cos', 'ID=nixos', '']) {
    for (const need of NEEDS) {
      const text = remedy(id, need, '6.1.0');
      t.notMatch(text, /apt-get|dnf|yum|zypper|linux-headers|kernel-devel|libbpf-dev/, `${id} ${need}`);
      t.ok(text.length > 20, text);
    }
  }
  t.match(remedy('ID=cos', 'kernelHeaders', '6.1.0'), /Container-Optimized OS/);
  t.end();
});

t.test('a release that is none never stands in a command', (t) => {
  for (const release of ['6.1.0; reboot', '$(id)', '6.1.0/../x', '']) {
    t.notMatch(remedy('ID=debian', 'kernelHeaders', release), /apt-get|reboot|\$\(|\.\./, JSON.stringify(release));
  }
  t.end();
});

t.test('no ID stands in two rows', (t) => {
  const ids = DISTRIBUTIONS.flatMap((row) => row.ids);
  t.equal(new Set(ids).size, ids.length);
  t.end();
});
