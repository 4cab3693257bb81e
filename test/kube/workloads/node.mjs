// SPDX-License-Identifier: Apache-2.0
// node.mjs: prints what is in the folders in which Kmesh mounts, pins and installs on a node, as JSON.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';

const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' ')[4]).filter((point) => point?.startsWith('/node/'));
// The kernel's own, in every bpffs (kernel/bpf/preload).
const pins = readdirSync('/node/bpf').filter((name) => !name.endsWith('.debug'));
const sets = existsSync('/node/bpf/bpf_kmesh') ? readdirSync('/node/bpf/bpf_kmesh').filter((name) => name.startsWith('maps')) : [];
const modules = (() => {
  try {
    return readFileSync('/proc/modules', 'utf8').split('\n').filter((line) => line.startsWith('kmesh '));
  } catch {
    return [];
  }
})();

/** Each file by name, mode, owner and digest: other networks keep credentials here. */
function filesOf(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).sort().map((name) => {
    const file = `${folder}/${name}`;
    const { mode, uid, gid } = statSync(file);
    const digest = statSync(file).isFile() ? createHash('sha256').update(readFileSync(file)).digest('hex') : 'no file';
    return `${name} ${mode.toString(8)} ${uid}:${gid} ${digest}`;
  });
}

console.log(JSON.stringify({ mounts: mounts.sort(), mnt: readdirSync('/node/mnt').sort(), pins: pins.sort(), sets: sets.sort(), modules, cniConf: filesOf('/node/etc/cni/net.d'), cniPlugin: existsSync('/node/opt/cni/bin/kmesh-cni') }));
