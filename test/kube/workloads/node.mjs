// SPDX-License-Identifier: Apache-2.0
// node.mjs: prints what is in the folders in which Kmesh mounts and pins on a node, as JSON.
import { readdirSync, readFileSync } from 'node:fs';

const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' ')[4]).filter((point) => point?.startsWith('/node/'));
// The kernel's own, in every bpffs (kernel/bpf/preload).
const pins = readdirSync('/node/bpf').filter((name) => !name.endsWith('.debug'));
const modules = (() => {
  try {
    return readFileSync('/proc/modules', 'utf8').split('\n').filter((line) => line.startsWith('kmesh '));
  } catch {
    return [];
  }
})();
console.log(JSON.stringify({ mounts: mounts.sort(), mnt: readdirSync('/node/mnt').sort(), pins: pins.sort(), modules }));
