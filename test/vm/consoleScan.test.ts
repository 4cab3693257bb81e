// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { scanConsole } from './consoleScan.js';

const QUIET = `[    0.000000] Linux version 6.1.0-56-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2
[    0.000000] Command line: console=ttyS0,115200 panic=-1 oops=panic loglevel=7
[    0.000000] rcu: \tRCU callback double-/use-after-free debug is enabled.
[    0.000000] kasan: KernelAddressSanitizer initialized
[    0.769368] mtrr: your CPUs had inconsistent fixed MTRR settings
[    0.926553] PCI: Using host bridge windows from ACPI; if necessary, use "pci=nocrs" and report a bug
[    1.802121] AMD-Vi: AMD IOMMUv2 functionality not available on this system - This is not a bug.
[    2.283862] RAS: Correctable Errors collector initialized.
[   17.954608] kmemleak: Kernel memory leak detector initialized (mem pool available: 14660)
[   17.954816] kmemleak: Automatic memory scanning thread started
[    8.789264] hello: loading out-of-tree module taints kernel.
[    8.789755] hello: module verification failed: signature and/or required key missing - tainting kernel
[   16.137646] reboot: machine restart`;

/** First lines of real reports, most of them of kernels of this harness. */
const COMPLAINTS = [
  'BUG: KASAN: slab-use-after-free in broken_init+0x4f/0x1000 [broken]',
  'BUG: KASAN: use-after-free in broken_init+0x7d/0x1000 [broken]',
  'BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580',
  'BUG: unable to handle page fault for address: ffffffffc0a01000',
  'BUG: kernel NULL pointer dereference, address: 0000000000000000',
  'BUG: scheduling while atomic: node/123/0x00000002',
  'watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [node:123]',
  'kernel BUG at net/core/skbuff.c:110!',
  'Oops: 0000 [#1] PREEMPT SMP KASAN PTI',
  'general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1]',
  'Kernel panic - not syncing: Fatal exception in interrupt',
  'WARNING: CPU: 0 PID: 77 at /module/broken.c:12 warn_init+0x12/0x1000 [broken]',
  'WARNING: possible circular locking dependency detected',
  'WARNING: possible recursive locking detected',
  'WARNING: inconsistent lock state',
  'WARNING: suspicious RCU usage',
  'UBSAN: array-index-out-of-bounds in /module/broken.c:9:3',
  'unreferenced object 0xffff888004a1e000 (size 128):',
  'kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)',
  'INFO: task node:123 blocked for more than 120 seconds.',
  'rcu: INFO: rcu_preempt self-detected stall on CPU',
  'refcount_t: underflow; use-after-free.',
  'list_add corruption. prev->next should be next (ffff8880), but was 0000.',
  'ODEBUG: free active (active state 0) object: timer_list hint: fallback_timer+0x0/0x40',
  'BUG kmalloc-128 (Tainted: G           O      ): Poison overwritten',
  'unregister_netdevice: waiting for lo to become free. Usage count = 2',
  'Out of memory: Killed process 123 (node)',
];

t.test('an ordinary boot is quiet', async (t) => t.same(scanConsole(QUIET), []));

t.test('every kind of complaint is found', async (t) => {
  for (const line of COMPLAINTS) {
    const [report, ...others] = scanConsole(`${QUIET}\n[   20.000000] ${line}\n[   20.000001] after\n`);
    t.match(report, { line: QUIET.split('\n').length + 1, text: `[   20.000000] ${line}\n[   20.000001] after\n` }, line);
    t.same(others, []);
  }
});

t.test('what follows a complaint belongs to it, up to the end of its trace', async (t) => {
  const trace = ['WARNING: CPU: 0 PID: 77 at a.c:1', 'Call Trace:', ' refcount_t: in the trace', '---[ end trace 0000000000000000 ]---'];
  const reports = scanConsole([...trace, 'quiet', ...trace].join('\n'));
  t.same(reports, [
    { line: 1, text: trace.join('\n') },
    { line: 6, text: trace.join('\n') },
  ]);
});

t.test('leaks are counted one by one', async (t) => {
  const leak = 'unreferenced object 0xffff888004a1e000 (size 128):\n  comm "insmod", pid 77\n';
  t.equal(scanConsole(leak.repeat(3)).length, 3);
});

t.test('what is allowed is left out, and nothing else', async (t) => {
  const console = 'WARNING: known thing\nfine\nWARNING: new thing\n';
  t.same(scanConsole(console, [{ pattern: /known thing/, reason: 'an example' }]).map(({ line }) => line), [3]);
});

t.test('a console with carriage returns reads the same', async (t) => t.equal(scanConsole('a\r\nBUG: b\r\nc\r\n')[0]?.line, 2));
