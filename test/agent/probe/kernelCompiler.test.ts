// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compilerRemedy, distributionOf } from '../../../agent/probe/distributions.js';
import { gccPackage, kernelCompiler } from '../../../agent/probe/kernelCompiler.js';
import { parseKconfig } from '../../../agent/probe/kconfig.js';
import { parseOsRelease } from '../../../agent/probe/osRelease.js';

/** [a line of auto.conf, program, Debian's package] */
const compilers: readonly (readonly [string, string | undefined, string | undefined])[] = [
  ['CONFIG_CC_VERSION_TEXT="gcc-10 (Debian 10.2.1-6) 10.2.1 20210110"', 'gcc-10', 'gcc-10'],
  ['CONFIG_CC_VERSION_TEXT=gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0', 'gcc-12', 'gcc-12'],
  ['CONFIG_CC_VERSION_TEXT=x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0', 'x86_64-linux-gnu-gcc-14', 'gcc-14'],
  ['CONFIG_CC_VERSION_TEXT="gcc (GCC) 11.4.1 20230605 (Red Hat 11.4.1-2)"', 'gcc', undefined],
  ['CONFIG_CC_VERSION_TEXT="gcc_old (GCC) 7.3.0"', undefined, undefined],
  ['CONFIG_CC_VERSION_TEXT="gcc-12; reboot (x) 12"', undefined, undefined],
  ['CONFIG_CC_VERSION_TEXT="../../gcc (x) 12"', undefined, undefined],
  ['# nothing', undefined, undefined],
];

t.test('the program that built the kernel, and nothing that could be another word', (t) => {
  for (const [line, program, package_] of compilers) {
    const compiler = kernelCompiler(parseKconfig(line));
    t.match(compiler, { family: 'gcc', program }, line);
    t.equal(gccPackage(compiler), package_, line);
  }
  t.match(kernelCompiler(parseKconfig('CONFIG_CC_IS_CLANG=y\nCONFIG_CC_VERSION_TEXT="Debian clang version 16.0.6"')), { family: 'clang', program: undefined, version: 'Debian clang version 16.0.6' });
  t.end();
});

t.test('how to get it', (t) => {
  const remedy = (osRelease: string, config: string): string => compilerRemedy(distributionOf(parseOsRelease(osRelease)), kernelCompiler(parseKconfig(config)), '6.1.0');
  const gcc12 = 'CONFIG_CC_VERSION_TEXT=gcc-12 (Debian 12.2.0-14) 12.2.0';
  t.equal(remedy('ID=debian', gcc12), 'apt-get install gcc-12');
  t.equal(remedy('ID=ubuntu', 'CONFIG_CC_VERSION_TEXT=x86_64-linux-gnu-gcc-13 (Ubuntu 13.2.0) 13.2.0'), 'apt-get install gcc-13');
  t.equal(remedy('ID=debian', ''), 'apt-get install gcc');
  t.equal(remedy('ID="openEuler"', gcc12), 'dnf install gcc', 'a package name of Debian is none elsewhere');
  t.equal(remedy('ID=debian', 'CONFIG_CC_IS_CLANG=y'), 'apt-get install clang');
  t.match(remedy('ID=flatcar', gcc12), /Flatcar/);
  t.equal(compilerRemedy(distributionOf(undefined), undefined, '6.1.0'), 'install the C compiler that built the kernel, or a newer one with the package manager of this distribution');
  t.end();
});
