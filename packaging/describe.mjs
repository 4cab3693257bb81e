// SPDX-License-Identifier: Apache-2.0
// What the packages are called, say of themselves and need, in both families of distributions.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './files.mjs';

const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

/** A version before the release sorts before it in both formats: 1.0.0-rc.1 is 1.0.0~rc.1. */
export const VERSION = version.replace('-', '~');
export const REVISION = '1';
/** Whom users of the package turn to: whoever publishes it. */
export const PACKAGER = process.env.PACKAGER ?? 'Kmesh node agent authors <root@localhost>';

/** Architecture of the packages: that of the Node that runs here, whose native parts are in node_modules. */
export const ARCHITECTURE = { x64: { deb: 'amd64', rpm: 'x86_64' }, arm64: { deb: 'arm64', rpm: 'aarch64' } }[process.arch];
if (ARCHITECTURE === undefined) throw new Error(`there are no packages for ${process.arch}`);

/** The names of packaging/install.sh, which the images and the packages share. @param {'apt' | 'dnf'} family */
const names = (family, ...words) => [...new Set(execFileSync(path.join(root, 'packaging/install.sh'), ['--names', family, ...words], { encoding: 'utf8' }).split(/\s+/).filter(Boolean))];

/** Lines of a description, as both formats want them. */
export const wrap = (text) => text.replace(/(.{1,76})(?:\s+|$)/g, '$1\n').trimEnd();

/** As in package.json. RPM distributions count epoch 1 for Node, and a comparison without it would take every version. */
const NODE = { apt: 'nodejs (>= 20.19) | kmesh-node', dnf: '(nodejs >= 1:20.19 or kmesh-node)' };
const HEADERS = { apt: 'linux-headers-generic | linux-headers-amd64 | linux-headers-arm64', dnf: 'kernel-devel' };

/**
 * @param {'apt' | 'dnf'} family
 * @returns what agent and daemon call, what a node needs to compile (a node with a bundle can do without), and what else is of use
 */
export function kmesh(family) {
  return {
    name: 'kmesh',
    summary: 'service mesh node agent that steers connections in the kernel',
    description: [
      'Turns a node into a service-mesh data plane without sidecars and proxies: eBPF programs steer connections to service addresses at connect(), the kernel module kmesh.ko routes HTTP by its head.',
      'This package holds the agent and its daemon, the sources of the eBPF programs and of the module, which the agent compiles for the kernel of the node, the command kmesh and a unit for systemd, which is not enabled.',
    ],
    licence: 'Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause) AND MIT AND ISC AND BSD-3-Clause AND BlueOak-1.0.0',
    requires: [NODE[family], ...names(family, 'runtime')],
    recommends: names(family, 'bpf', 'module').filter((name) => !names(family, 'runtime').includes(name)),
    suggests: [HEADERS[family]],
  };
}

/** @param {'apt' | 'dnf'} family */
export function kmeshNode(family) {
  return {
    name: 'kmesh-node',
    summary: 'Node.js for the Kmesh node agent',
    description: ['The Node.js that kmesh runs with where the distribution has none that is new enough. Only kmesh uses it: it is not in the path.'],
    licence: 'MIT AND Apache-2.0 AND BSD-3-Clause AND ISC AND Zlib AND ICU',
    requires: names(family, 'node'),
    recommends: [],
    suggests: [],
  };
}
