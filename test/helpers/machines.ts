// SPDX-License-Identifier: Apache-2.0
/** Captured hosts for `doctor --host-root`: one on which nothing is missing, and what tests take away from it. */
import fs from 'node:fs';
import path from 'node:path';
import { L4_HELPERS, L7_HELPERS } from '../../agent/probe/capabilities.js';
import { type CommandAnswer, commandKey, MANIFEST, type Manifest } from '../../agent/doctor/manifest.js';
import { btfImage } from '../agent/probe/btfImage.js';
import { type Captured, headerTree, makeRoot } from './capturedRoot.js';

export const RELEASE = '6.1.0-18-amd64';
export const HEADERS = `/usr/src/linux-headers-${RELEASE}`;
export const INSTALLED = '/opt/kmesh';

const HELPERS = [...new Set([...L4_HELPERS, ...L7_HELPERS, 'map_lookup_elem', 'get_netns_cookie'])];
const BPF_H = `#ifndef _BPF_H\n#define _BPF_H\n#define ___BPF_FUNC_MAPPER(FN, ctx...) FN(unspec, 0, ##ctx) ${HELPERS.map((name, i) => `FN(${name}, ${i + 1}, ##ctx)`).join(' ')}\nenum bpf_func_id { __BPF_FUNC_MAX_ID, };\n#endif\n`;
export const BTF = btfImage([
  { kind: 'enum', name: 'bpf_func_id', values: [['BPF_FUNC_unspec', 0], ...HELPERS.map((name, i) => [`BPF_FUNC_${name}`, i + 1] as const), ['__BPF_FUNC_MAX_ID', HELPERS.length + 1]] },
  { kind: 'func', name: '__cgroup_bpf_run_filter_sock_addr' },
  { kind: 'func', name: 'register_kprobe' },
]);

export const MOUNTS = ['1 0 8:1 / / rw - ext4 /dev/sda1 rw', '2 1 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup rw,nsdelegate', '3 1 0:31 / /sys/fs/bpf rw - bpf bpf rw,mode=700'];

export const WHOLE: Captured = {
  '/proc/self/mountinfo': `${MOUNTS.join('\n')}\n`,
  '/proc/self/cgroup': '0::/kubepods/pod1\n',
  '/proc/self/status': 'Name:\tnode\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n',
  '/proc/filesystems': 'nodev\tcgroup2\nnodev\tbpf\n\text4\n',
  '/proc/modules': 'ext4 1 0 - Live 0x0\n',
  '/proc/net/if_inet6': '',
  '/proc/sys/kernel/random/boot_id': '7a0f1b1e-0000-0000-0000-000000000000\n',
  '/proc/sys/kernel/modules_disabled': '0\n',
  '/proc/self/ns/pid': { link: 'pid:[4026531836]' },
  '/sys/module/module/parameters/sig_enforce': 'N\n',
  '/sys/kernel/security/lockdown': '[none] integrity confidentiality\n',
  '/sys/kernel/debug/kprobes/enabled': '1\n',
  '/sys/fs/cgroup/cgroup.controllers': 'cpu memory\n',
  '/sys/fs/cgroup/kubepods/pod1/memory.max': '838860800\n',
  '/sys/fs/bpf/.keep': '',
  [`/boot/config-${RELEASE}`]: 'CONFIG_BPF_SYSCALL=y\nCONFIG_CGROUP_BPF=y\nCONFIG_MODULES=y\nCONFIG_KPROBES=y\nCONFIG_IPV6=y\nCONFIG_DEBUG_INFO_BTF=y\n',
  '/usr/include/linux/bpf.h': BPF_H,
  '/usr/lib/os-release': 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  '/etc/os-release': { link: '../usr/lib/os-release' },
  '/usr/lib/x86_64-linux-gnu/libbpf.so.1.1.2': '',
  '/usr/lib/x86_64-linux-gnu/libbpf.so.1': { link: 'libbpf.so.1.1.2' },
  ...headerTree(HEADERS, RELEASE, { config: ['CONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12.2.0-14) 12.2.0"', 'CONFIG_GCC_VERSION=120200'] }),
  [`/lib/modules/${RELEASE}/build`]: { link: HEADERS },
  '/var/lib/.keep': '',
  [`${INSTALLED}/bpf/Makefile`]: 'all:\n',
  [`${INSTALLED}/bpf/include/kmesh/request.h`]: '#define KM_REQUEST_ABI 3\n',
  [`${INSTALLED}/kernel/Makefile`]: 'all:\n',
  [`${INSTALLED}/daemon.js`]: '',
  [`${INSTALLED}/package.json`]: '{"version": "1.0.0"}',
};

export const said = (stdout: string): CommandAnswer => ({ stdout, tail: [] });
export const exits = (code: number, tail: readonly string[] = []): CommandAnswer => ({ stdout: '', tail: [...tail], failure: { reason: `exit ${code}`, command: 'tool', code, timedOut: false } });
export const NOT_THERE: CommandAnswer = { stdout: '', tail: [], failure: { reason: 'could not be started (ENOENT)', command: 'tool', errno: 'ENOENT', timedOut: false } };

/** What `kmesh-daemon --check` says of a control plane that can be used. */
const CONTROL_PLANE = { checks: [{ name: 'control-plane-address', status: 'ok', evidence: 'istiod.istio-system.svc:15012, TLS as istiod.istio-system.svc', remedy: '' }] };

export const DAEMON_CHECK = commandKey('node', [`${INSTALLED}/daemon.js`, '--check', 'files']);

const commands = (): Record<string, CommandAnswer> => ({
  [commandKey('clang', ['--version'])]: said('Debian clang version 14.0.6\n'),
  [commandKey('make', ['--version'])]: said('GNU Make 4.3\n'),
  [commandKey('gcc-12', ['--version'])]: said('gcc-12 (Debian 12.2.0-14) 12.2.0\n'),
  [commandKey('insmod', ['--version'])]: said('kmod version 30\n'),
  [commandKey('rmmod', ['--version'])]: said('kmod version 30\n'),
  [commandKey(`${HEADERS}/scripts/basic/fixdep`, [])]: exits(1, ['Usage: fixdep']),
  [commandKey(`${HEADERS}/scripts/mod/modpost`, [])]: exits(1),
  [DAEMON_CHECK]: said(JSON.stringify(CONTROL_PLANE)),
});

export const OPTIONS: Manifest['options'] = { stateDir: '/var/lib/kmesh', cgroup2Path: '/mnt/kmesh_cgroup2', bpfFsPath: '/sys/fs/bpf', statusPort: 15021, metricsPort: 15020, installCni: 'auto', cniFailure: 'allow', require: [], daemonArgs: [] };

export const NOBODY: Manifest['http'] = { 'http://127.0.0.1:15200/healthz/ready': null, 'http://127.0.0.1:15200/pods/summary': null, 'http://127.0.0.1:15021/healthz/live': null, 'http://127.0.0.1:15020/': null };

export interface Changes {
  /** Files that are other than on the whole machine. */
  readonly files?: Captured;
  readonly without?: readonly string[];
  readonly commands?: Readonly<Record<string, CommandAnswer>>;
  readonly manifest?: Partial<Manifest>;
}

/** Makes a captured host in a folder. */
export function makeMachine(folder: string, changes: Changes = {}): void {
  makeRoot(folder, { ...WHOLE, ...changes.files });
  const btf = path.join(folder, 'sys/kernel/btf/vmlinux');
  fs.mkdirSync(path.dirname(btf), { recursive: true });
  fs.writeFileSync(btf, BTF);
    const manifest: Manifest = {
    version: 1,
    ...{ kernelRelease: RELEASE, architecture: 'x86_64', cpus: 4, effectiveUid: 0, pid: 1, root: INSTALLED },
    options: OPTIONS,
    ...{ env: {}, stats: {}, digests: {}, writeObstacles: { '/var/lib': null }, freeBytes: { '/var/lib': 2 ** 32 }, errors: {}, withheld: [] },
    http: NOBODY,
    ...changes.manifest,
    commands: { ...commands(), ...changes.commands },
  };
  fs.writeFileSync(path.join(folder, MANIFEST), JSON.stringify(manifest));
  for (const file of changes.without ?? []) fs.rmSync(path.join(folder, file), { recursive: true });
}
