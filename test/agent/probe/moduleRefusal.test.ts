// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { kernelMessage, messagesAboutModules } from '../../../agent/probe/kernelLog.js';
import { passesByItself, type Refusal, refusalOf } from '../../../agent/probe/moduleRefusal.js';

/** [what insmod says, what the kernel logged, what it means]: kmod 30 and busybox 1.36, kernels 5.10 to 7.2. */
const refusals: readonly (readonly [string, readonly string[], Refusal])[] = [
  ['insmod: ERROR: could not insert module /x/kmesh.ko: Invalid module format', ["kmesh: version magic '6.1.0-55' should be '6.1.0-56'"], 'format'],
  ["insmod: can't insert 'kmesh.ko': invalid module format", [], 'format'],
  ['insmod: ERROR: could not insert module kmesh.ko: Module has wrong symbol version', [], 'format'],
  ['insmod: ERROR: could not insert module kmesh.ko: Required key not available', [], 'signature'],
  ['insmod: ERROR: could not insert module kmesh.ko: Key was rejected by service', ['Loading of unsigned module is rejected'], 'signature'],
  ['insmod: ERROR: could not insert module kmesh.ko: Key has expired', [], 'signature'],
  ['insmod: ERROR: could not insert module kmesh.ko: Operation not permitted', ['Lockdown: insmod: unsigned module loading is restricted; see man kernel_lockdown.7'], 'signature'],
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
