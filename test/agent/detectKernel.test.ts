// SPDX-License-Identifier: Apache-2.0
// What detect-kernel makes of other machines than this one: their files are a table in the test.
import t from 'tap';
import { countMemoryKills } from '../../agent/gather/ownCgroup.js';
import { detectKernel } from '../../agent/phases/detectKernel.js';
import type { Sys } from '../../agent/sys.js';
import { errno, temporaryFolder, testContext, type TestContext } from '../helpers/agentContext.js';

type Files = Readonly<Record<string, string>>;

const CONFIG = 'CONFIG_BPF_SYSCALL=y\nCONFIG_CGROUP_BPF=y\nCONFIG_MODULES=y\nCONFIG_IPV6=y\n';

const V2: Files = {
  '/proc/self/mountinfo': '1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:30 / /sys/fs/cgroup ro - cgroup2 cgroup rw,nsdelegate\n',
  '/proc/self/cgroup': '0::/kubepods/pod1/agent\n',
};

function machine(files: Files, release = '5.10.0-30-amd64'): Partial<Sys> {
  const there = { ...V2, ...files };
  const readText: Sys['readText'] = async (file) => {
    const text = there[file];
    if (text === undefined) throw errno('ENOENT');
    return text;
  };
  return {
    kernelRelease: release,
    readText,
    readBytes: async (file) => Buffer.from(await readText(file, 0)),
    readGzip: (file) => readText(file, 0),
    realPath: () => Promise.reject(errno('ENOENT')),
    stat: async (file) => (there[file] === undefined ? undefined : { kind: 'file', size: 0, modifiedMs: 0 }),
  };
}

async function detected(t: { teardown(work: () => unknown): void }, files: Files, release?: string): Promise<TestContext> {
  const ctx = testContext(temporaryFolder(t), { sys: machine(files, release) });
  await detectKernel.run(ctx);
  return ctx;
}

t.test('the configuration is found where distributions put it, first in the kernel itself', async (t) => {
  const release = '5.10.0-30-amd64';
  for (const path of ['/proc/config.gz', `/boot/config-${release}`, `/lib/modules/${release}/config`, `/host/boot/config-${release}`, `/host/usr/lib/modules/${release}/config`]) {
    t.equal((await detected(t, { [path]: CONFIG })).results.kernel?.configSource, path);
  }
  const both = await detected(t, { '/proc/config.gz': CONFIG, [`/boot/config-${release}`]: '' });
  t.equal(both.results.kernel?.configSource, '/proc/config.gz');
});

t.test('what cannot be read is unknown, not absent', async (t) => {
  const { results } = await detected(t, {});
  t.match(results.kernel, { configSource: undefined, bpfSyscall: { answer: 'unknown' }, cgroupBpf: { answer: 'unknown' }, btf: { answer: 'unknown' } });
});

t.test("limits are those of the own cgroup, also where the host's hierarchy was mounted before it", async (t) => {
  // A container that is started again: /mnt of the host, with the cgroup2 of the earlier run in it, comes before /sys/fs/cgroup (cgroup_namespaces(7): `/..`).
  const { results } = await detected(t, {
    '/proc/self/mountinfo':
      '1 0 0:50 / / rw - overlay overlay rw\n2 1 8:1 /mnt /mnt rw - ext4 /dev/sda rw\n3 2 0:30 /../../.. /mnt/kmesh_cgroup2 rw - cgroup2 cgroup2 rw\n' +
      '4 1 0:22 / /sys ro - sysfs sysfs ro\n5 4 0:30 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n',
    '/proc/self/cgroup': '0::/\n',
    '/sys/fs/cgroup/memory.max': '419430400\n',
    '/sys/fs/cgroup/cpu.max': '50000 100000\n',
  });
  t.match(results.kernel, { memoryLimitBytes: 400 * 2 ** 20, cpuLimit: 0.5 });
  t.match(results.kernelFiles, { memoryLimitFile: '/sys/fs/cgroup/memory.max', memoryEventFiles: ['/sys/fs/cgroup/memory.events'] });
});

t.test('a kernel that cannot steer is refused', async (t) => {
  const config = CONFIG.replace('CONFIG_CGROUP_BPF=y', '# CONFIG_CGROUP_BPF is not set');
  await t.rejects(detected(t, { '/proc/config.gz': config }), { code: 'KM_BPF_UNSUPPORTED', exitCode: 10, detail: /CONFIG_CGROUP_BPF is not set in \/proc\/config\.gz/ });
});

t.test('a machine on which nothing could run is refused', async (t) => {
  const ctx = testContext(temporaryFolder(t), { sys: { ...machine({ '/proc/config.gz': CONFIG }), architecture: 's390x' } });
  await t.rejects(detectKernel.run(ctx), { code: 'KM_ARCHITECTURE', exitCode: 10, detail: /s390x/ });
});

t.test('a release that is none is refused before a path is made of it', async (t) => {
  await t.rejects(detected(t, {}, '../../etc'), { code: 'KM_RELEASE', exitCode: 10 });
});

t.test('BTF that cannot be used is a warning', async (t) => {
  const ctx = await detected(t, { '/sys/kernel/btf/vmlinux': 'garbage' });
  t.match(ctx.lines.filter((line) => line.level === 40), [{ msg: /^\/sys\/kernel\/btf\/vmlinux cannot be used: / }]);
});

t.test("the host's distribution decides about kernel packages, the image's about tools", async (t) => {
  const files = { '/host/usr/lib/os-release': 'ID=openEuler\nPRETTY_NAME="openEuler 23.03"\n', '/etc/os-release': 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n' };
  const { results } = await detected(t, files);
  t.equal(results.kernel?.distributionName, 'openEuler 23.03');
  t.match(results.hints, { clang: 'apt-get install clang', uapiHeaders: 'dnf install kernel-headers' });
  const alone = await detected(t, { '/etc/os-release': files['/etc/os-release'] });
  t.equal(alone.results.kernel?.distributionName, 'Debian GNU/Linux 12');
});

const below = '/sys/fs/cgroup/kubepods';
const v1 = {
  '/proc/self/mountinfo': '1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n3 1 0:32 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n',
  '/proc/self/cgroup': '4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n',
};
const limits: readonly (readonly [string, Files, { memoryLimitBytes: number | undefined; cpuLimit: number | undefined }])[] = [
  ['none', {}, { memoryLimitBytes: undefined, cpuLimit: undefined }],
  ['the own ones', { [`${below}/pod1/agent/memory.max`]: '419430400\n', [`${below}/pod1/agent/cpu.max`]: '150000 100000\n' }, { memoryLimitBytes: 419430400, cpuLimit: 1.5 }],
  ['a tighter one above', { [`${below}/pod1/agent/memory.max`]: 'max\n', [`${below}/pod1/memory.max`]: '800\n', [`${below}/memory.max`]: '900\n' }, { memoryLimitBytes: 800, cpuLimit: undefined }],
  [
    'cgroup v1, in a container without a cgroup namespace',
    { ...v1, '/sys/fs/cgroup/memory/memory.limit_in_bytes': '1000\n', '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '50000\n', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n' },
    { memoryLimitBytes: 1000, cpuLimit: 0.5 },
  ],
  ['what is no limit', { [`${below}/memory.max`]: 'plenty\n' }, { memoryLimitBytes: undefined, cpuLimit: undefined }],
];

t.test('limits of the own cgroup', async (t) => {
  for (const [name, files, expected] of limits) {
    const { memoryLimitBytes, cpuLimit } = (await detected(t, files)).results.kernel ?? {};
    t.same({ memoryLimitBytes, cpuLimit }, expected, name);
  }
});

t.test('kills for memory are counted in both versions of cgroups', async (t) => {
  const own = { [`${below}/pod1/agent/memory.events`]: 'low 0\noom 4\noom_kill 3\noom_group_kill 0\n' };
  const v2 = await detected(t, own);
  t.equal(await countMemoryKills(v2.sys, v2.results.kernelFiles?.memoryEventFiles ?? []), 3);
  const older = await detected(t, { ...v1, '/sys/fs/cgroup/memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n' });
  t.equal(await countMemoryKills(older.sys, older.results.kernelFiles?.memoryEventFiles ?? []), 2);
});
