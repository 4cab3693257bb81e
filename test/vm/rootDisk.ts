// SPDX-License-Identifier: Apache-2.0
/** The disks that stay the same from run to run: the root file system of the guests, and a kernel's modules and headers. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { keyOf, prepared } from './cache.js';
import { Debian, unpack } from './debian.js';
import { makeDisk } from './disk.js';
import { COMMON_HEADERS, headersMakefile, type Kernel } from './kernels.js';

const SUITE = { name: 'bookworm', hasSecurity: true };

const PACKAGES = [
  ...['base-files', 'base-passwd', 'bash', 'dash', 'coreutils', 'debianutils', 'diffutils', 'findutils', 'grep', 'sed', 'gzip', 'tar', 'hostname', 'libc-bin', 'mawk', 'perl-base', 'util-linux', 'mount', 'procps', 'kmod', 'iproute2', 'strace', 'bpftool'],
  // What the agent builds with, as in its own image; what the headers of Debian 12 and older depend on.
  ...['make', 'clang', 'libbpf1', 'libbpf-dev', 'linux-libc-dev', 'gcc-12', 'libelf1', 'pahole'],
  // For the container images.
  ...['runc'],
  // Clients and servers of the tests.
  ...['curl', 'wget', 'python3', 'nginx-light', 'haproxy', 'netcat-openbsd', 'openssl'],
  // What Node is linked with.
  ...['libstdc++6', 'libatomic1'],
];

/** Raised when what lies in the cache is to be made differently. */
const LAYOUT = 1;

/** Debian 12 with what tests need, and this machine's own Node. */
export function rootDisk(): string {
  const folder = prepared(path.join('disks', `root-${keyOf([SUITE, PACKAGES, process.version, LAYOUT])}`), (partial) => {
    process.stderr.write('vm: making the root file system\n');
    const tree = path.join(partial, 'tree');
    const debian = new Debian(SUITE, path.join(partial, 'apt'));
    unpack(debian.withDependencies(PACKAGES), tree);
    completeTree(tree);
    fs.mkdirSync(path.join(tree, 'usr/local/bin'), { recursive: true });
    fs.copyFileSync(process.execPath, path.join(tree, 'usr/local/bin/node'));
    makeDisk(tree, path.join(partial, 'root.ext4'));
    for (const name of ['tree', 'apt']) fs.rmSync(path.join(partial, name), { recursive: true });
  });
  return path.join(folder, 'root.ext4');
}

/** What scripts of the packages would have done at installation. */
function completeTree(tree: string): void {
  for (const [link, target] of [['usr/bin/sh', 'dash'], ['usr/bin/awk', 'mawk'], ['usr/bin/gcc', 'gcc-12'], ['usr/bin/cc', 'gcc-12'], ['usr/bin/nc', 'nc.openbsd']] as const) {
    if (!fs.existsSync(path.join(tree, link))) fs.symlinkSync(target, path.join(tree, link));
  }
  for (const name of ['passwd', 'group']) fs.copyFileSync(path.join(tree, 'usr/share/base-passwd', `${name}.master`), path.join(tree, 'etc', name));
  fs.writeFileSync(path.join(tree, 'etc/hosts'), '127.0.0.1 localhost guest\n::1 localhost\n');
  fs.writeFileSync(path.join(tree, 'etc/hostname'), 'guest\n');
  for (const name of ['proc', 'sys', 'dev', 'kmesh', 'usr/share/doc', 'usr/share/man', 'usr/share/locale']) fs.rmSync(path.join(tree, name), { recursive: true, force: true });
  for (const name of ['proc', 'sys', 'dev', 'kmesh', 'run', 'tmp', 'root', 'mnt', 'opt', 'var/tmp']) fs.mkdirSync(path.join(tree, name), { recursive: true });
  execFileSync('chroot', [tree, '/sbin/ldconfig'], { stdio: ['ignore', 2, 2] });
}

/** A kernel's modules, and its headers at the places where Debian has them; undefined where all is built in. */
export function kernelDisk(kernel: Kernel): string | undefined {
  const { modules, buildRoot } = kernel;
  if (modules === undefined || buildRoot === undefined) return undefined;
  const place = path.dirname(buildRoot);
  const folder = prepared(path.join('disks', `kernel-${path.basename(place)}-${kernel.release}-${LAYOUT}`), (partial) => {
    const tree = path.join(partial, 'tree');
    fs.mkdirSync(tree);
    // Hard links: what is to differ is removed first.
    execFileSync('cp', ['-al', path.join(place, 'image/usr'), tree]);
    if (fs.existsSync(path.join(place, 'image/boot'))) execFileSync('cp', ['-al', path.join(place, 'image/boot'), tree]);
    for (const name of headerTrees(buildRoot)) {
      fs.mkdirSync(path.dirname(path.join(tree, name)), { recursive: true });
      execFileSync('cp', ['-al', path.join(buildRoot, name), path.join(tree, name)]);
    }
    const makefile = path.join(tree, headersMakefile(kernel.release));
    const text = fs.readFileSync(makefile, 'utf8');
    fs.rmSync(makefile);
    fs.writeFileSync(makefile, text.replace(COMMON_HEADERS.asUnpacked, COMMON_HEADERS.asInstalled));
    const build = path.join(tree, 'usr/lib/modules', kernel.release, 'build');
    fs.rmSync(build, { force: true });
    fs.symlinkSync(`/usr/src/linux-headers-${kernel.release}`, build);
    makeDisk(tree, path.join(partial, 'kernel.ext4'));
    fs.rmSync(tree, { recursive: true });
  });
  return path.join(folder, 'kernel.ext4');
}

/** Debian keeps a kernel's headers in three trees. */
function headerTrees(root: string): string[] {
  return ['usr/src', 'usr/lib'].flatMap((folder) =>
    fs
      .readdirSync(path.join(root, folder))
      .filter((name) => /^linux-(headers|kbuild)-/.test(name))
      .map((name) => path.join(folder, name)),
  );
}
