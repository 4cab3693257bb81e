// SPDX-License-Identifier: Apache-2.0
// doctor on machines that are whole but for one thing: the thing is named with its remedy, and all else is still reported.
import path from 'node:path';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { doctor } from '../../agent/commands/doctor.js';
import type { Check } from '../../agent/doctor/check.js';
import { commandKey } from '../../agent/doctor/manifest.js';
import { GROUPS, type Report } from '../../agent/doctor/report.js';
import { SEQUENCE } from '../../agent/sequence.js';
import { sys } from '../../agent/sys.js';
import { projectRoot, temporaryFolder, testContext } from '../helpers/agentContext.js';
import { type Changes, DAEMON_CHECK, exits, HEADERS, INSTALLED, makeMachine, MOUNTS, NOBODY, NOT_THERE, OPTIONS, RELEASE, said } from '../helpers/machines.js';
import { headerTree } from '../helpers/capturedRoot.js';

interface Diagnosis extends Report {
  readonly code: number;
  readonly of: (name: string) => Check | undefined;
  readonly wrong: readonly string[];
}

async function examined(t: { teardown(work: () => unknown): void }, folder: string): Promise<Diagnosis> {
  const { options } = testContext(temporaryFolder(t));
  const printed: string[] = [];
  const exec = () => Promise.reject(new Error('a captured host runs nothing here'));
  const code = await doctor({ sys, exec, options, root: '/not/used' }, { json: true, hostRoot: folder, capture: undefined, connect: false }, SEQUENCE, (text) => printed.push(text));
  const report = JSON.parse(printed.join('')) as Report;
  const wrong = report.checks.filter(({ status }) => status !== 'ok').map(({ name }) => name);
  return { ...report, code, of: (name) => report.checks.find((check) => check.name === name), wrong };
}

async function diagnosed(t: { teardown(work: () => unknown): void }, changes: Changes): Promise<Diagnosis> {
  const folder = temporaryFolder(t);
  makeMachine(folder, changes);
  return examined(t, folder);
}

let names: readonly string[] = [];

t.test('a machine on which nothing is missing', async (t) => {
  const { checks, capabilities, code, wrong } = await diagnosed(t, {});
  t.same(wrong, []);
  t.equal(code, 0);
  t.same(checks.map((check) => Object.keys(check)), checks.map(() => ['name', 'status', 'evidence', 'remedy']));
  t.same(capabilities.filter(({ state }) => state === 'on').map(({ name }) => name), ['l4-ipv4', 'l4-ipv6', 'l7-http']);
  names = checks.map(({ name }) => name);
  t.equal(new Set(names).size, names.length);
});

interface Broken {
  readonly name: string;
  readonly changes: Changes;
  /** What is wrong, and nothing else. */
  readonly wrong: Readonly<Record<string, Partial<Record<keyof Check, string | RegExp>>>>;
  readonly exit: 0 | 20;
  /** State of HTTP routing and its reason. */
  readonly l7?: RegExp;
  readonly l4?: RegExp;
}

const LIST = '{"cniVersion":"1.0.0","name":"net","plugins":[{"type":"bridge"}]}';
/** A node with a network, whose agent is to be in its chain. */
const withCni = (files: NonNullable<Changes['files']>, options: Partial<typeof OPTIONS> = {}): Changes => ({
  files: { '/etc/cni/net.d/10-net.conflist': LIST, '/opt/cni/bin/bridge': '', [`${INSTALLED}/cni/kmesh-cni`]: 'kmesh-cni of the Kmesh node agent', ...files },
  manifest: { options: { ...OPTIONS, installCni: 'yes', ...options } },
});

const rule = (file: string, text: string): Changes => ({ files: { [file]: text } });
const LOCKDOWN = '/sys/kernel/security/lockdown';
const OTHER = '6.1.0-17-amd64';

const MACHINES: readonly Broken[] = [
  { name: 'a node for kmesh-cni', changes: withCni({}), wrong: {}, exit: 0 },
  {
    name: 'no CNI configuration yet',
    changes: withCni({ '/etc/cni/net.d/10-net.conflist': '' }),
    wrong: { 'CNI configuration': { status: 'warning', evidence: /none of 10-net.conflist is a configuration/, remedy: /--cni-conf-dir/ } },
    exit: 0,
  },
  {
    name: 'a CNI version that no pod would start with',
    changes: withCni({ '/etc/cni/net.d/10-net.conflist': LIST.replace('1.0.0', '0.2.0') }),
    wrong: { 'CNI configuration': { status: 'warning', evidence: /^KM_CNI_VERSION: .*0\.2\.0/, remedy: /cniVersion/ } },
    exit: 0,
  },
  {
    name: 'the same, where a start depends on it',
    changes: withCni({ '/etc/cni/net.d/10-net.conflist': LIST.replace('1.0.0', '0.2.0') }, { require: ['pod-management'] }),
    wrong: { 'CNI configuration': { status: 'error', evidence: /^KM_CNI_VERSION: / } },
    exit: 20,
  },
  {
    name: "somebody else's kmesh-cni",
    changes: withCni({ '/opt/cni/bin/kmesh-cni': 'of another Kmesh' }),
    wrong: { 'kmesh-cni': { status: 'warning', evidence: /^KM_CNI_PLUGIN: .*not the agent's/ } },
    exit: 0,
  },
  {
    name: 'deny without a daemon',
    changes: withCni({ '/etc/cni/net.d/10-net.conflist': LIST.replace(']', ',{"type":"kmesh-cni","cniFailure":"deny"}]') }),
    wrong: { 'CNI socket': { status: 'warning', evidence: /no pod starts/, remedy: /--cni-failure=allow/ } },
    exit: 0,
  },
  {
    name: 'no bpf.h, but BTF',
    changes: { without: ['/usr/include/linux/bpf.h'] },
    wrong: { 'linux/bpf.h': { status: 'warning', evidence: /^KM_HELPERS_MISSING: .*BTF answers/, remedy: /apt-get install linux-libc-dev/ } },
    exit: 0,
  },
  {
    name: 'neither BTF nor bpf.h',
    changes: { without: ['/usr/include/linux/bpf.h', '/sys/kernel/btf/vmlinux'] },
    wrong: {
      'linux/bpf.h': { status: 'error', evidence: /^KM_HELPERS_MISSING: there is no /, remedy: /apt-get install linux-libc-dev/ },
      BTF: { status: 'warning', remedy: /CONFIG_DEBUG_INFO_BTF/ },
      'BPF helpers': { status: 'warning' },
    },
    exit: 20,
    l4: /a start would fail: KM_HELPERS_MISSING/,
  },
  {
    name: 'cgroup v1 only',
    changes: { files: { '/proc/self/mountinfo': `${MOUNTS[0]}\n2 1 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n${MOUNTS[2]}\n`, '/proc/self/cgroup': '4:memory:/\n' } },
    wrong: { cgroups: { status: 'warning', evidence: /^v1: /, remedy: /the agent mounts cgroup2/ } },
    exit: 0,
  },
  {
    name: 'a kernel without cgroup2',
    changes: { files: { '/proc/filesystems': 'nodev\tbpf\n' } },
    wrong: { 'cgroup2 mount': { status: 'error', evidence: /^KM_FILESYSTEM_UNSUPPORTED: cgroup2/, remedy: /CONFIG_CGROUPS=y/ } },
    exit: 20,
    l4: /a start would fail: KM_FILESYSTEM_UNSUPPORTED/,
  },
  {
    name: 'foreign mount at our place',
    changes: { files: { '/mnt/kmesh_cgroup2/file': '', '/proc/self/mountinfo': `${MOUNTS.join('\n')}\n9 1 0:50 / /mnt/kmesh_cgroup2 rw - tmpfs scratch rw\n` } },
    wrong: { 'cgroup2 mount': { status: 'error', evidence: /^KM_MOUNT_FOREIGN: .*tmpfs \(scratch\)/, remedy: /--cgroup2-path/ } },
    exit: 20,
  },
  {
    name: 'read-only state',
    changes: { manifest: { writeObstacles: { '/var/lib': 'EROFS' } } },
    wrong: { 'state folder': { status: 'error', evidence: /^KM_STATE_DIR: \/var\/lib cannot be written \(EROFS\)/, remedy: /--state-dir/ } },
    exit: 20,
  },
  {
    name: 'disk full',
    changes: { manifest: { freeBytes: { '/var/lib': 1 << 20 } } },
    wrong: { 'state folder': { status: 'error', evidence: /has 1 MiB left/, remedy: /free space/ } },
    exit: 20,
  },
  {
    name: 'no kernel headers',
    changes: { without: [HEADERS, `/lib/modules/${RELEASE}/build`] },
    wrong: { 'kernel headers': { status: 'warning', evidence: /^KM_HEADERS_MISSING: /, remedy: new RegExp(`apt-get install linux-headers-${RELEASE}`) } },
    exit: 0,
    l7: /no kernel headers/,
  },
  {
    name: 'dangling build link',
    changes: { without: [HEADERS] },
    wrong: { 'kernel headers': { status: 'warning', evidence: /^KM_HEADERS_DANGLING: .*link to/, remedy: /\/host\/usr/ } },
    exit: 0,
    l7: /KM_HEADERS_DANGLING/,
  },
  {
    name: 'headers of another release',
    changes: { files: headerTree(HEADERS, OTHER) },
    wrong: { 'kernel headers': { status: 'warning', evidence: new RegExp(`^KM_HEADERS_RELEASE: .*${OTHER}`), remedy: /reboot into/ } },
    exit: 0,
    l7: /KM_HEADERS_RELEASE/,
  },
  {
    name: 'no clang',
    changes: { commands: { [commandKey('clang', ['--version'])]: NOT_THERE } },
    wrong: { clang: { status: 'error', evidence: /^KM_CLANG_MISSING: /, remedy: /apt-get install clang/ } },
    exit: 20,
    l4: /KM_CLANG_MISSING/,
  },
  {
    name: 'no make',
    changes: { commands: { [commandKey('make', ['--version'])]: NOT_THERE } },
    wrong: { make: { status: 'error', evidence: /^KM_MAKE_MISSING: /, remedy: /apt-get install make/ } },
    exit: 20,
  },
  {
    name: 'no gcc',
    changes: { commands: { [commandKey('gcc-12', ['--version'])]: NOT_THERE, [commandKey('gcc', ['--version'])]: NOT_THERE } },
    wrong: { 'module compiler': { status: 'warning', evidence: /^KM_MODULE_COMPILER: .*gcc-12/, remedy: /apt-get install gcc-12/ } },
    exit: 0,
    l7: /KM_MODULE_COMPILER/,
  },
  {
    name: 'a gcc that lacks what the kernel demands',
    changes: { files: headerTree(HEADERS, RELEASE, { config: ['CONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12.2.0-14) 12.2.0"', 'CONFIG_GCC_VERSION=120200', 'CONFIG_INIT_STACK_ALL_ZERO=y'] }), commands: { [commandKey('gcc-12', ['-Werror', '-ftrivial-auto-var-init=zero', '-x', 'c', '-S', '-o', '/dev/null', '/dev/null'])]: exits(1) } },
    wrong: { 'module compiler': { status: 'warning', evidence: /^KM_MODULE_COMPILER_MISMATCH: .*-ftrivial-auto-var-init/, remedy: /apt-get install gcc-12/ } },
    exit: 0,
    l7: /KM_MODULE_COMPILER_MISMATCH/,
  },
  {
    name: 'a bundle that is none',
    changes: { files: { '/kmesh.tar': 'garbage' }, manifest: { options: { ...OPTIONS, bundle: '/kmesh.tar' } } },
    wrong: { '--bundle': { status: 'error', evidence: /^KM_BUNDLE_FILE: \/kmesh.tar/, remedy: /node agent.js bundle/ } },
    exit: 20,
    l4: /KM_BUNDLE_FILE/,
  },
  {
    name: 'lockdown',
    changes: rule(LOCKDOWN, 'none [integrity] confidentiality\n'),
    wrong: { 'unsigned modules': { status: 'warning', evidence: /only loads signed modules: .*integrity/, remedy: /secure boot/ } },
    exit: 0,
    l7: /only loads signed modules/,
  },
  {
    name: 'modules_disabled',
    changes: rule('/proc/sys/kernel/modules_disabled', '1\n'),
    wrong: { 'module loading': { status: 'warning', evidence: /modules_disabled is 1/, remedy: /reboot/ } },
    exit: 0,
    l7: /can no longer be loaded/,
  },
  {
    name: 'not root',
    changes: { manifest: { effectiveUid: 1000, errors: { [`readText ${LOCKDOWN}`]: { code: 'EACCES', message: 'EACCES: permission denied' } }, writeObstacles: { '/var/lib': 'EACCES' } } },
    wrong: {
      privileges: { status: 'error', evidence: /^KM_PRIVILEGES: .*user id 1000/, remedy: /root/ },
      'reading kernel memory': { status: 'warning', evidence: `could not look: EACCES at ${LOCKDOWN}`, remedy: /as root/ },
      'state folder': { status: 'warning', evidence: /could not look: EACCES at \/var\/lib/ },
    },
    exit: 20,
  },
  {
    name: 'a container that is not privileged',
    changes: rule('/proc/self/status', 'CapEff:\t00000000a80425fb\n'),
    wrong: {
      privileges: { status: 'error', evidence: /lacks CAP_SYS_ADMIN/, remedy: /privileged container/ },
      'right to load modules': { status: 'warning', evidence: /lacks CAP_SYS_MODULE/ },
    },
    exit: 20,
  },
  {
    name: 'low memory limit',
    changes: rule('/sys/fs/cgroup/kubepods/pod1/memory.max', '104857600\n'),
    wrong: { 'memory limit': { status: 'warning', evidence: /^100 MiB at \/sys\/fs\/cgroup\/kubepods\/pod1\/memory.max, .*KM_BUILD_MEMORY/, remedy: /resources.limits.memory/ } },
    exit: 0,
  },
  {
    name: 'no control plane is named',
    changes: { commands: { [DAEMON_CHECK]: said(JSON.stringify({ checks: [{ name: 'control-plane-address', status: 'error', evidence: 'KM_XDS_ADDRESS: neither XDS_ADDRESS nor --xds-address is set', remedy: 'Set XDS_ADDRESS' }] })) } },
    wrong: { 'control plane address': { status: 'error', evidence: /^KM_XDS_ADDRESS/, remedy: /Set XDS_ADDRESS/ } },
    exit: 20,
  },
  {
    name: 'an old daemon beside a new agent',
    changes: { commands: { [DAEMON_CHECK]: said('usage: ...') } },
    wrong: { 'control plane': { status: 'error', evidence: /different versions/ } },
    exit: 20,
  },
  {
    name: 'something else on the admin port',
    changes: { manifest: { http: { ...NOBODY, 'http://127.0.0.1:15200/healthz/ready': { status: 404, body: '' } } } },
    wrong: { 'admin port': { status: 'error', evidence: /^KM_DAEMON_PORT/, remedy: /--admin-port/ } },
    exit: 20,
  },
  {
    name: 'something else on the port for probes',
    changes: { manifest: { http: { ...NOBODY, 'http://127.0.0.1:15021/healthz/live': { status: 404, body: '' } } } },
    wrong: { 'status ports': { status: 'error', evidence: /^KM_STATUS_PORT: .*15021/, remedy: /--status-port/ } },
    exit: 20,
  },
  {
    name: 'a foreign module of our name',
    changes: rule('/proc/modules', 'kmesh 16384 0 - Live 0x0\n'),
    wrong: { 'module kmesh': { status: 'warning', evidence: /^KM_MODULE_FOREIGN/, remedy: /rmmod kmesh/ } },
    exit: 0,
    l7: /KM_MODULE_FOREIGN/,
  },
  {
    name: 'kmesh.ko of another version',
    changes: { files: { '/proc/modules': 'kmesh 16384 0 - Live 0x0\n', '/sys/module/kmesh/parameters/abi': '1\n' } },
    wrong: { 'module kmesh': { status: 'warning', evidence: /^KM_MODULE_ABI: .*version 1, .*version 3/, remedy: /cleanup/ } },
    exit: 0,
  },
  {
    name: 'a machine with the high byte first',
    changes: { manifest: { architecture: 's390x' } },
    wrong: { architecture: { status: 'error', evidence: /^KM_ARCHITECTURE: .*s390x/, remedy: /little-endian/ }, libbpf: { status: 'error', evidence: /^KM_BPF_LIBRARY/ } },
    exit: 20,
  },
  {
    name: 'daemon.js is missing',
    changes: { without: [`${INSTALLED}/daemon.js`] },
    wrong: { 'kmesh-daemon': { status: 'error', evidence: /^KM_DAEMON_MISSING/ }, 'control plane': { status: 'warning', evidence: /could not look/ } },
    exit: 20,
  },
];

t.test('machines that lack something', async (t) => {
  for (const { name, changes, wrong, exit, l7, l4 } of MACHINES) {
    const found = await diagnosed(t, changes);
    t.same([...found.wrong].sort(), Object.keys(wrong).sort(), `${name}: what is wrong, and nothing else`);
    for (const [check, expected] of Object.entries(wrong)) t.match(found.of(check), expected, `${name}: ${check}`);
    const control = (one: string): boolean => !one.startsWith('control plane');
    t.same(found.checks.map((check) => check.name).filter(control), names.filter(control), `${name}: every check is reported`);
    t.equal(found.code, exit, `${name}: exit code`);
    const capability = (one: string) => found.capabilities.find((row) => row.name === one);
    if (l7 !== undefined) t.match(capability('l7-http'), { state: 'off', reason: l7 }, `${name}: HTTP routing`);
    if (l4 !== undefined) t.match(capability('l4-ipv4'), { state: 'off', reason: l4 }, `${name}: L4 steering`);
    if (exit === 0) t.match(capability('l4-ipv4'), { state: 'on' }, `${name}: connections are steered`);
  }
});

t.test('what only HTTP routing needs is an error where --require asks for it', async (t) => {
  const options = { ...OPTIONS, require: ['l7-http'] };
  const { of, code } = await diagnosed(t, { without: [HEADERS], manifest: { options } });
  t.match(of('kernel headers'), { status: 'error' });
  t.equal(code, 20);
});

t.test('a folder without a manifest: what no file tells is said not to be known', async (t) => {
  const folder = temporaryFolder(t);
  makeMachine(folder, { files: { '/proc/sys/kernel/osrelease': `${RELEASE}\n` }, without: ['kmesh-capture.json'] });
  const { of } = await examined(t, folder);
  t.match(of('kernel release'), { status: 'ok', evidence: /6\.1\.0-18-amd64/ });
  t.match(of('clang'), { status: 'warning', evidence: 'could not look: what `clang --version` prints is not in this capture', remedy: /--capture FILE/ });
  t.match(of('architecture'), { status: 'warning', evidence: /could not look/ });
  t.match(of('kernel headers'), { status: 'ok' });
});

t.test('no link of a captured folder leads out of it', async (t) => {
  const folder = temporaryFolder(t);
  const outside = temporaryFolder(t);
  writeFileSync(path.join(outside, 'modules_disabled'), '1\n');
  makeMachine(folder, { without: ['/proc/sys/kernel/modules_disabled'] });
  symlinkSync(path.join(outside, 'modules_disabled'), path.join(folder, 'proc/sys/kernel/modules_disabled'));
  t.match((await examined(t, folder)).of('module loading'), { status: 'ok', evidence: /not known/ }, 'an absolute one');
  const up = temporaryFolder(t);
  makeMachine(up, { without: ['/proc/sys/kernel/modules_disabled'] });
  symlinkSync(`../../../../../../../../../../..${path.join(outside, 'modules_disabled')}`, path.join(up, 'proc/sys/kernel/modules_disabled'));
  t.match((await examined(t, up)).of('module loading'), { status: 'ok', evidence: /not known/ }, 'one that climbs');
});

t.test('what is no captured folder is refused', async (t) => {
  const folder = temporaryFolder(t);
  await t.rejects(examined(t, path.join(folder, 'nowhere')), { code: 'KM_HOST_ROOT', exitCode: 10 });
  await t.rejects(examined(t, folder), { code: 'KM_HOST_ROOT', detail: /does not tell which kernel/ });
  writeFileSync(path.join(folder, 'kmesh-capture.json'), '{"version": 2}');
  await t.rejects(examined(t, folder), { code: 'KM_HOST_ROOT', detail: /no manifest/ });
});

t.test('docs/doctor.md lists the checks', async (t) => {
  const page = readFileSync(path.join(projectRoot, 'docs/doctor.md'), 'utf8');
  const rows = (/<!-- checks: [^>]*-->\n([^]*?)<!-- \/checks -->/.exec(page)?.[1] ?? '').split('\n').filter(Boolean).slice(2);
  t.same(rows, GROUPS.map(({ title, questions }) => `| ${title} | ${questions.map(({ name }) => `\`${name}\``).join(', ')} |`));
});
