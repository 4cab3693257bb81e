// SPDX-License-Identifier: Apache-2.0
// What the operating system has to provide, found out by looking, not by asking a package database:
// each need names the files that prove it and the packages that bring it.
import { existsSync, readdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const libraryFolders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'];

const command = (name, ...places) => () => [...(process.env.PATH ?? '').split(':'), ...places].some((dir) => dir && existsSync(path.join(dir, name)));
const file = (name) => () => existsSync(name);
const library = (name) => () => libraryFolders.some((dir) => existsSync(path.join(dir, name)));
/** Its place differs with distribution and version; clang knows it. */
const clangRuntime = (name) => () => {
  const { status, stdout } = spawnSync('clang', ['-print-resource-dir'], { encoding: 'utf8' });
  const folder = status === 0 ? path.join(stdout.trim(), 'lib') : '';
  return existsSync(folder) && readdirSync(folder, { recursive: true }).some((file) => path.basename(file).startsWith(`libclang_rt.${name}`));
};

const runtime = [
  { what: 'clang', present: command('clang'), apt: 'clang', dnf: 'clang' },
  { what: 'make', present: command('make'), apt: 'make', dnf: 'make' },
  { what: 'libbpf.so.1', present: library('libbpf.so.1'), apt: 'libbpf1', dnf: 'libbpf' },
  { what: 'bpf/bpf_helpers.h', present: file('/usr/include/bpf/bpf_helpers.h'), apt: 'libbpf-dev', dnf: 'libbpf-devel' },
  { what: 'linux/bpf.h', present: file('/usr/include/linux/bpf.h'), apt: 'linux-libc-dev', dnf: 'kernel-headers' },
  { what: 'mount', present: command('mount'), apt: 'mount', dnf: 'util-linux' },
  { what: 'unshare', present: command('unshare'), apt: 'util-linux', dnf: 'util-linux' },
  { what: 'ip', present: command('ip'), apt: 'iproute2', dnf: 'iproute' },
];

/** For kmesh.ko, where the kernel can load modules. Its headers are the user's choice: the agent names the package. */
const modules = [
  { what: 'gcc', present: command('gcc'), apt: 'gcc', dnf: 'gcc' },
  { what: 'insmod', present: command('insmod', '/usr/sbin', '/sbin'), apt: 'kmod', dnf: 'kmod' },
];

const tests = [
  { what: 'gcc', present: command('gcc'), apt: 'gcc', dnf: 'gcc' },
  { what: "clang's sanitizers and libFuzzer", present: clangRuntime('fuzzer'), apt: 'libclang-rt-dev', dnf: 'compiler-rt' },
  { what: 'static C library', present: library('libc.a'), apt: 'libc6-dev', dnf: 'glibc-static' },
  { what: 'plugins of CNI', present: () => ['/usr/lib/cni', '/usr/libexec/cni'].some((folder) => existsSync(path.join(folder, 'ptp'))), apt: 'containernetworking-plugins', dnf: 'containernetworking-plugins' },
  { what: 'iptables', present: command('iptables', '/usr/sbin'), apt: 'iptables', dnf: 'iptables-nft' },
  { what: 'C library headers', present: file('/usr/include/stdio.h'), apt: 'libc6-dev', dnf: 'glibc-devel' },
  { what: 'openssl', present: command('openssl'), apt: 'openssl', dnf: 'openssl' },
  { what: 'depmod', present: command('depmod', '/usr/sbin', '/sbin'), apt: 'kmod', dnf: 'kmod' },
];

/** For `npm run test:vm`: machines, their disks, and the kernel with the checks, which is built from source. */
const vm = [
  { what: 'qemu-system-x86_64', present: command('qemu-system-x86_64'), apt: 'qemu-system-x86' },
  { what: 'mke2fs', present: command('mke2fs'), apt: 'e2fsprogs' },
  { what: 'cpio', present: command('cpio'), apt: 'cpio' },
  { what: 'xz', present: command('xz'), apt: 'xz-utils' },
  { what: 'go', present: command('go'), apt: 'golang-go' },
  { what: 'static C library', present: library('libc.a'), apt: 'libc6-dev' },
  { what: "keys of Debian's archive", present: file('/usr/share/keyrings/debian-archive-keyring.gpg'), apt: 'debian-archive-keyring' },
  { what: 'flex', present: command('flex'), apt: 'flex' },
  { what: 'bison', present: command('bison'), apt: 'bison' },
  { what: 'bc', present: command('bc'), apt: 'bc' },
  { what: 'libelf.h', present: file('/usr/include/libelf.h'), apt: 'libelf-dev' },
  { what: 'openssl/ssl.h', present: file('/usr/include/openssl/ssl.h'), apt: 'libssl-dev' },
  { what: 'pahole', present: command('pahole'), apt: 'dwarves' },
];

/** For `npm run test:image`: a base image, the builds and their containers, and a browser for the agent's page. */
const images = [
  { what: 'debootstrap', present: command('debootstrap', '/usr/sbin'), apt: 'debootstrap' },
  { what: 'buildah', present: command('buildah'), apt: 'buildah' },
  { what: 'podman', present: command('podman'), apt: 'podman' },
  { what: 'runc', present: command('runc', '/usr/sbin'), apt: 'runc' },
  { what: 'chromium', present: command('chromium'), apt: 'chromium', dnf: 'chromium' },
  { what: "keys of Debian's archive", present: file('/usr/share/keyrings/debian-archive-keyring.gpg'), apt: 'debian-archive-keyring' },
];

/** For `npm run test:kube`. */
const kube = [{ what: 'kubectl', present: command('kubectl'), apt: 'kubernetes-client', dnf: 'kubernetes-client' }];

/** For a cluster of its own, besides what images need. */
const cluster = [
  { what: 'etcd', present: command('etcd'), apt: 'etcd-server' },
  { what: 'containerd', present: command('containerd'), apt: 'containerd' },
  { what: 'ctr', present: command('ctr'), apt: 'containerd' },
  { what: 'CNI plugins', present: file('/usr/lib/cni/ptp'), apt: 'containernetworking-plugins' },
  { what: 'nsenter', present: command('nsenter'), apt: 'util-linux' },
  { what: 'curl', present: command('curl'), apt: 'curl' },
  { what: 'go', present: command('go'), apt: 'golang-go' },
  { what: 'static C library', present: library('libc.a'), apt: 'libc6-dev' },
];

/** For `npm run package`. */
const packaging = [
  { what: 'gcc', present: command('gcc'), apt: 'gcc', dnf: 'gcc' },
  { what: 'static C library', present: library('libc.a'), apt: 'libc6-dev', dnf: 'glibc-static' },
  { what: 'dpkg-deb', present: command('dpkg-deb'), apt: 'dpkg', dnf: 'dpkg' },
  { what: 'rpmbuild', present: command('rpmbuild'), apt: 'rpm', dnf: 'rpm-build' },
];

/** For the tests of the packages: what judges them. */
const packageTests = [
  { what: 'lintian', present: command('lintian'), apt: 'lintian' },
  { what: 'rpmlint', present: command('rpmlint'), apt: 'rpmlint' },
  { what: 'systemd-analyze', present: command('systemd-analyze'), apt: 'systemd' },
];

function run(argv, env = {}) {
  process.stderr.write(`setup: ${argv.join(' ')}\n`);
  const result = spawnSync(argv[0], argv.slice(1), { stdio: ['ignore', 2, 2], env: { ...process.env, ...env } });
  if (result.error || result.status !== 0) {
    throw new Error(`${argv[0]} failed (${result.error?.message ?? `exit ${result.status}`}); run it by hand to see why`);
  }
}

/** Installs what is missing; does nothing, and asks no package manager, when everything is there. */
export function ensurePackages({ forTests, forVm, forImages, forKube, forCluster, forPackages }) {
  if ((forVm || forImages || forCluster) && !command('apt-get')()) throw new Error('the kernels, images and clusters of the tests are made of Debian packages, and there is no apt-get here to fetch them');
  const missing = [...runtime, ...(existsSync('/proc/modules') ? modules : []), ...(forTests ? tests : []), ...(forVm ? vm : []), ...(forImages ? [...images, ...packaging, ...packageTests] : []), ...(forPackages ? packaging : []), ...(forKube ? kube : []), ...(forCluster ? cluster : [])].filter((need) => !need.present());
  if (missing.length === 0) return;
  const names = (key) => [...new Set(missing.map((need) => need[key]))];
  if (process.getuid?.() !== 0) {
    throw new Error(`missing ${missing.map((need) => need.what).join(', ')}; install them as root, or run this command as root`);
  }
  if (command('apt-get')()) {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    run(['apt-get', 'update', '-q'], env);
    run(['apt-get', 'install', '-q', '-y', '--no-install-recommends', ...names('apt')], env);
  } else if (command('dnf')()) {
    run(['dnf', 'install', '-y', ...names('dnf')]);
  } else {
    throw new Error(`missing ${missing.map((need) => need.what).join(', ')} and neither apt-get nor dnf is here to install them`);
  }
  const still = missing.filter((need) => !need.present());
  if (still.length > 0) throw new Error(`still missing after the installation: ${still.map((need) => need.what).join(', ')}`);
}
