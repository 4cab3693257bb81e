// SPDX-License-Identifier: Apache-2.0
/** The initramfs of a kernel: our init, and the drivers that its disks and ports need, in the order of their loading. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { keyOf, prepared } from './cache.js';
import type { Kernel } from './kernels.js';
import { ROOT } from './paths.js';

const INIT = path.join(ROOT, 'test/vm/guest/init.c');

/** Names as in modules.dep. A kernel that has one built in lists no file for it. */
const DRIVERS = ['virtio_pci', 'virtio_blk', 'virtio_console', 'virtio-rng', 'crc32c_generic', 'ext4', 'overlay'];

export function initramfs(kernel: Kernel): string {
  const key = keyOf([fs.readFileSync(INIT, 'utf8'), DRIVERS, kernel.modules ?? kernel.release]);
  const folder = prepared(path.join('initramfs', `${kernel.name}-${key}`), (partial) => {
    const tree = path.join(partial, 'tree');
    fs.mkdirSync(path.join(tree, 'drivers'), { recursive: true });
    execFileSync('gcc', ['-O2', '-Wall', '-Wno-unused-result', '-static', '-o', path.join(tree, 'init'), INIT], { stdio: ['ignore', 2, 2] });
    if (kernel.modules !== undefined) {
      copyDrivers(kernel.modules, tree);
      fs.writeFileSync(path.join(tree, 'kernel-disk'), '');
    }
    execFileSync('sh', ['-c', 'find . | cpio --quiet -o -H newc | gzip -1 >../initramfs'], { cwd: tree, stdio: ['ignore', 2, 2] });
    fs.rmSync(tree, { recursive: true });
  });
  return path.join(folder, 'initramfs');
}

function copyDrivers(modules: string, tree: string): void {
  const order = loadingOrder(fs.readFileSync(path.join(modules, 'modules.dep'), 'utf8'), DRIVERS);
  for (const file of order) {
    const target = path.join(tree, 'drivers', path.basename(file).replace(/\.xz$/, ''));
    const content = file.endsWith('.xz') ? execFileSync('xz', ['-dc', path.join(modules, file)], { maxBuffer: 1 << 26 }) : fs.readFileSync(path.join(modules, file));
    fs.writeFileSync(target, content);
  }
  fs.writeFileSync(path.join(tree, 'drivers/order'), order.map((file) => `/drivers/${path.basename(file).replace(/\.xz$/, '')}\n`).join(''));
}

/** Each module after those that it depends on; a line of modules.dep names them in the reverse order of loading. */
export function loadingOrder(modulesDep: string, wanted: readonly string[]): string[] {
  const lines = modulesDep.split('\n').map((line) => line.split(/:? +|:$/).filter(Boolean));
  const order = new Set<string>();
  for (const name of wanted) {
    const line = lines.find(([file = '']) => path.basename(file).replace(/\.ko(\.\w+)?$/, '') === name);
    for (const file of [...(line ?? [])].reverse()) order.add(file);
  }
  return [...order];
}
