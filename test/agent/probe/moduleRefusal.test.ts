// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { kernelMessage, messagesAboutModules } from '../../../agent/probe/kernelLog.js';
import { differingWords, explanationsOf, passesByItself, type Refusal, refusalOf } from '../../../agent/probe/moduleRefusal.js';

/** [what insmod says, what the kernel logged, what it means]: kmod 30 and busybox 1.36, kernels 5.10 to 7.2. */
const refusals: readonly (readonly [string, readonly string[], Refusal])[] = [
  ['insmod: ERROR: could not insert module /x/kmesh.ko: Invalid module format', ["kmesh: version magic '6.1.0-55' should be '6.1.0-56'"], 'format'],
  ["insmod: can't insert 'kmesh.ko': invalid module format", [], 'format'],
  ['insmod: ERROR: could not insert module kmesh.ko: Module has wrong symbol version', [], 'format'],
  ['insmod: ERROR: could not insert module kmesh.ko: Required key not available', [], 'signature'],
  ['insmod: ERROR: could not insert module kmesh.ko: Key was rejected by service', ['Loading of unsigned module is rejected'], 'signature'],
  ['insmod: ERROR: could not insert module kmesh.ko: Key has expired', [], 'signature'],
  ['insmod: ERROR: could not insert module kmesh.ko: Operation not permitted', ['Lockdown: insmod: unsigned module loading is restricted; see man kernel_lockdown.7'], 'lockdown'],
  ['insmod: ERROR: could not insert module kmesh.ko: Invalid argument', ['kmesh: disagrees about version of symbol tcp_prot', 'kmesh: Unknown symbol tcp_prot (err -22)'], 'format'],
  ['insmod: ERROR: could not insert module kmesh.ko: Unknown symbol in module', ['kmesh: disagrees about version of symbol tcp_prot'], 'format'],
  ['insmod: ERROR: could not insert module kmesh.ko: Invalid argument', ['failed to validate module [kmesh] BTF: -22'], 'format'],
  ['insmod: ERROR: could not insert module kmesh.ko: Bad message', [], 'signature'],
  ['insmod: ERROR: could not insert module kmesh.ko: Package not installed', [], 'signature'],
  ['insmod: ERROR: could not insert module kmesh.ko: Operation not permitted', ['Module kmesh is blacklisted'], 'denied'],
  ['insmod: ERROR: could not insert module kmesh.ko: Function not implemented', [], 'denied'],
  ['insmod: ERROR: could not insert module kmesh.ko: Argument list too long', [], 'init'],
  ['insmod: ERROR: could not insert module kmesh.ko: Cannot allocate memory', ["other: version magic 'a' should be 'b'"], 'memory'],
  ['insmod: ERROR: could not insert module kmesh.ko: Operation not permitted', ['kmesh: something else'], 'denied'],
  ['insmod: ERROR: could not insert module kmesh.ko: Operation not permitted', [], 'denied'],
  ['insmod: ERROR: could not insert module kmesh.ko: Permission denied', [], 'denied'],
  ['insmod: ERROR: could not insert module kmesh.ko: Unknown symbol in module', ['kmesh: Unknown symbol tcp_prot (err -2)'], 'symbol'],
  ["insmod: can't insert 'kmesh.ko': unknown symbol in module, or unknown parameter", [], 'symbol'],
  ['insmod: ERROR: could not insert module kmesh.ko: File exists', [], 'exists'],
  ['insmod: ERROR: could not insert module kmesh.ko: Cannot allocate memory', [], 'memory'],
  ['insmod: ERROR: could not insert module kmesh.ko: Out of memory', [], 'memory'],
  ['insmod: ERROR: could not insert module kmesh.ko: Operation not supported', ['kmesh: no kprobes'], 'init'],
  ['insmod: ERROR: could not insert module kmesh.ko: Invalid argument', ['kmesh: self-test of the parser failed'], 'init'],
  ['Segmentation fault', [], 'init'],
];

t.test('each refusal by what was said', (t) => {
  for (const [said, logged, expected] of refusals) t.equal(refusalOf(['', said], logged), expected, `${said} / ${logged.join()}`);
  t.equal(refusalOf([], []), 'init', 'nothing was said');
  t.end();
});

t.test('what rmmod says when trying again helps', (t) => {
  const passing = ['rmmod: ERROR: Module kmesh is in use', 'rmmod: ERROR: could not remove module kmesh: Resource temporarily unavailable', 'rmmod: ERROR: ../libkmod/libkmod-module.c:799 kmod_module_remove_module() could not remove kmesh: Device or resource busy', "rmmod: can't unload module 'kmesh': Resource busy"];
  for (const line of passing) t.ok(passesByItself([line]), line);
  for (const line of ['rmmod: ERROR: could not remove module kmesh: Operation not permitted', 'rmmod: ERROR: could not remove module kmesh: Function not implemented', '']) t.notOk(passesByItself([line]), line);
  t.end();
});

t.test('records of the kernel log', (t) => {
  t.equal(kernelMessage('4,1234,5678901,-;kmesh: self-test; failed\n SUBSYSTEM=x\n DEVICE=y\n'), 'kmesh: self-test; failed');
  t.equal(kernelMessage(''), '');
  const messages = ['kmesh: a', 'usb 1-1: new device', 'Lockdown: insmod: x', 'kmesh_foo: no', 'module: x86/modules: Skipping', 'Loading of unsigned module is rejected'];
  t.same(messagesAboutModules(messages), ['kmesh: a', 'Lockdown: insmod: x', 'module: x86/modules: Skipping', 'Loading of unsigned module is rejected']);
  t.end();
});

t.test("the kernel's lines in words of a user", (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ["kmesh: version magic '6.1.0-55-amd64 SMP preempt mod_unload modversions ' should be '6.1.0-56-amd64 SMP mod_unload modversions '", 'the module is for 6.1.0-55-amd64, the kernel is 6.1.0-56-amd64; only the module has preempt'],
    ['kmesh: disagrees about version of symbol module_layout', 'the checksum of module_layout differs: the headers and the running kernel are of different builds'],
    ['kmesh: no symbol version for tcp_prot', 'the module has no checksum of tcp_prot: its headers lack a whole Module.symvers'],
    ['kmesh: Unknown symbol tcp_prot (err -2)', 'the kernel does not give out tcp_prot (it is not exported)'],
    ['kmesh: Unknown symbol tcp_prot (err -7)', 'the kernel does not give out tcp_prot (error -7)'],
    ['kmesh: module uses symbol x from namespace CRYPTO_INTERNAL, but does not import it.', 'x is in the namespace CRYPTO_INTERNAL, which the module does not import'],
    ['Lockdown: insmod: unsigned module loading is restricted; see man kernel_lockdown.7', 'the kernel is locked down (secure boot, or lockdown= on its command line)'],
    ['Loading of module with unavailable key is rejected', 'module with unavailable key: the kernel enforces signatures'],
    ['PKCS#7 signature not signed with a trusted key', "the certificate of the signature is in none of the kernel's trusted keyrings"],
    ['failed to validate module [kmesh] BTF: -22', 'the BTF of the module does not fit that of the kernel'],
    ['Module kmesh is blacklisted', 'module_blacklist= on the command line of the kernel names it'],
  ];
  for (const [line, expected] of cases) t.same(explanationsOf([line, line]), [expected], line);
  t.same(explanationsOf(['kmesh: self-test passed']), []);
  t.equal(differingWords('6.1 SMP mod_unload', '6.1 SMP preempt mod_unload modversions'), 'only the kernel has preempt modversions');
  t.end();
});
