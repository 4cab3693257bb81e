// SPDX-License-Identifier: Apache-2.0
/** The kernels of the tests, each from its packages: the image, its modules, its headers and the compiler they ask for. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { keyOf, prepared } from './cache.js';
import { debugKernel } from './debugKernel.js';
import { Debian, unpack, type Suite } from './debian.js';

export interface Kernel {
  /** As on the command line: 6.1. */
  readonly name: string;
  readonly release: string;
  readonly vmlinuz: string;
  /** For `make -C`, on this machine. */
  readonly kernelDir: string;
  /** Modules with their modules.dep; undefined where everything is built in. */
  readonly modules?: string;
  /** Tree with headers and compiler to change the root to for a build; undefined: built with this machine's own. */
  readonly buildRoot?: string;
}

const SUITES: Readonly<Record<string, Suite>> = {
  '5.10': { name: 'bullseye', hasSecurity: true },
  '6.1': { name: 'bookworm', hasSecurity: true },
  '6.12': { name: 'trixie', hasSecurity: true },
  newest: { name: 'forky', hasSecurity: false },
};

export const DEBIAN_KERNELS: readonly string[] = Object.keys(SUITES);
export const KERNELS: readonly string[] = [...DEBIAN_KERNELS, 'debug'];

/** What a build of a module runs, besides what the headers depend on (the compiler among them). */
const BUILD_TOOLS = ['make', 'bash', 'dash', 'coreutils', 'sed', 'grep', 'mawk', 'findutils', 'diffutils', 'perl-base', 'libc-bin'];

export const headersMakefile = (release: string): string => path.join('usr/src', `linux-headers-${release}`, 'Makefile');
/** Debian's Makefile names the common headers from the root; beside itself they are found from anywhere. */
export const COMMON_HEADERS = { asInstalled: 'include /usr/src/', asUnpacked: 'include $(dir $(lastword $(MAKEFILE_LIST)))../' };

/** Raised when what lies in the cache is to be made differently. */
const LAYOUT = 1;

/** @throws when the name is none of KERNELS. */
export function prepareKernel(name: string): Kernel {
  if (name === 'debug') return debugKernel();
  const suite = SUITES[name];
  if (suite === undefined) throw new Error(`no kernel is named ${name}; there are ${KERNELS.join(', ')}`);
  const place = prepared(path.join('kernels', `${name}-${keyOf([suite, BUILD_TOOLS, LAYOUT])}`), (folder) => fetchKernel(suite, folder));
  const release = fs.readFileSync(path.join(place, 'release'), 'utf8').trim();
  return {
    name,
    release,
    vmlinuz: path.join(place, 'vmlinuz'),
    kernelDir: path.join(place, 'root/usr/src', `linux-headers-${release}`),
    modules: path.join(place, 'image/usr/lib/modules', release),
    buildRoot: path.join(place, 'root'),
  };
}

function fetchKernel(suite: Suite, folder: string): void {
  process.stderr.write(`vm: fetching the kernel of Debian ${suite.name}\n`);
  const apt = path.join(folder, 'apt');
  const debian = new Debian(suite, apt);
  const image = debian.dependsOn('linux-image-amd64').find((name) => /^linux-image-\d/.test(name));
  if (image === undefined) throw new Error(`Debian ${suite.name} has no linux-image-amd64`);
  const release = image.slice('linux-image-'.length);

  // Newer releases split the package: configuration, kernel and modules are packages of their own.
  const parts = [`linux-base-${release}`, `linux-binary-${release}`, `linux-modules-${release}`].filter((name) => debian.has(name));
  const archives = debian.alone([image, ...parts]);
  unpack(archives, path.join(folder, 'image'));
  const headers = debian.withDependencies([`linux-headers-${release}`, ...BUILD_TOOLS]);
  unpack(headers, path.join(folder, 'root'));
  completeRoot(path.join(folder, 'root'), release);

  fs.renameSync(findVmlinuz(path.join(folder, 'image'), release), path.join(folder, 'vmlinuz'));
  execFileSync('depmod', ['-b', path.join(folder, 'image/usr'), release], { stdio: ['ignore', 'inherit', 'inherit'] });
  fs.writeFileSync(path.join(folder, 'packages'), [...archives, ...headers].map((file) => `${path.basename(file)}\n`).sort().join(''));
  fs.writeFileSync(path.join(folder, 'release'), `${release}\n`);
  fs.rmSync(apt, { recursive: true });
}

function findVmlinuz(image: string, release: string): string {
  const places = [`boot/vmlinuz-${release}`, `usr/lib/modules/${release}/vmlinuz`, `usr/lib/modules/${release}/vmlinuz.unsigned`];
  const found = places.map((place) => path.join(image, place)).find((file) => fs.existsSync(file));
  if (found === undefined) throw new Error(`the packages of ${release} hold no kernel at ${places.join(', ')}`);
  return found;
}

/** What scripts of the packages would have done at installation. */
function completeRoot(root: string, release: string): void {
  for (const [link, target] of [['usr/bin/sh', 'dash'], ['usr/bin/awk', 'mawk']] as const) {
    if (!fs.existsSync(path.join(root, link))) fs.symlinkSync(target, path.join(root, link));
  }
  for (const name of ['proc', 'dev', 'tmp', 'module']) fs.mkdirSync(path.join(root, name), { recursive: true });
  const makefile = path.join(root, headersMakefile(release));
  fs.writeFileSync(makefile, fs.readFileSync(makefile, 'utf8').replace(COMMON_HEADERS.asInstalled, COMMON_HEADERS.asUnpacked));
}
