// SPDX-License-Identifier: Apache-2.0
// THE list of files of the packages: what of this tree goes where on a node. Both packages, in both formats, are made from it,
// and the images install them.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Folder that agent.js and daemon.js, and the sources that they compile, live in. */
export const INSTALL = '/usr/lib/kmesh';
/** Where /usr/bin/kmesh looks for the Node of the package kmesh-node. */
export const NODE = '/usr/lib/kmesh-node/node';

/** What a build by hand leaves beside the sources. */
const PRODUCT = /^\.|^kmesh-cni$|\.(?:o|a|ko|mod|mod\.c|order|symvers)$/;

/**
 * @typedef {object} Entry
 * @property {string} to absolute path on the node
 * @property {string} [from] file of this machine
 * @property {string} [text] content, where no file has it
 * @property {number} [mode] 0o644 if not given
 * @property {'config' | 'licence' | 'doc'} [kind] config: kept over upgrades and removal; licence and doc: marked in the rpm
 */

/** Files of a folder, one by one: what goes into a package is known by name. @returns {Entry[]} */
function folder(from, to, kind) {
  return readdirSync(from, { withFileTypes: true })
    .filter(({ name }) => !PRODUCT.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
      return entry.isDirectory() ? folder(source, target, kind) : [{ from: source, to: target, kind }];
    });
}

/** The CNI plugin, which `make -C cni` has built, and what it is made of: it holds parts of a C library whose licence asks for it. @returns {Entry[]} */
function cniPlugin() {
  const from = path.join(root, 'cni/kmesh-cni');
  if (!existsSync(from)) throw new Error('cni/kmesh-cni is not built: make -C cni');
  return [{ from, to: `${INSTALL}/cni/kmesh-cni`, mode: 0o755 }, ...folder(path.join(root, 'cni'), `${INSTALL}/cni`)];
}

/** What koffi runs: its scripts, and the native part beside it for this architecture. Its C++ sources and the part for musl are not needed. @returns {Entry[]} */
function koffi() {
  const modules = path.join(root, 'node_modules');
  const platforms = readdirSync(path.join(modules, '@koromix')).filter((name) => /^koffi-linux-(x64|arm64)$/.test(name));
  const native = platforms.flatMap((name) => folder(path.join(modules, '@koromix', name), `${INSTALL}/node_modules/@koromix/${name}`));
  const to = `${INSTALL}/node_modules/koffi`;
  const own = ['index.js', 'index.cjs', 'indirect.js', 'indirect.cjs', 'package.json', 'LICENSE.txt'].map((name) => ({ from: path.join(modules, 'koffi', name), to: `${to}/${name}` }));
  // What begins with #! is of its own build.
  const inner = folder(path.join(modules, 'koffi/src'), `${to}/src`).filter((one) => /\.c?js$/.test(one.to) && !readFileSync(one.from, 'utf8').startsWith('#!'));
  return [...own, ...inner, ...native.filter((one) => !one.to.includes('/musl_') && !one.to.endsWith('.md'))];
}

/** Texts that the licences ask for. @param terms those of what others wrote @returns {Entry[]} */
function licences(target, terms) {
  const own = ['LICENSE', 'NOTICE'].map((name) => ({ from: path.join(root, name), to: `${target}/${name}`, kind: 'licence' }));
  return [...own, ...folder(path.join(root, 'LICENSES'), `${target}/LICENSES`, 'licence'), { text: terms, to: `${target}/THIRD-PARTY.txt`, kind: 'licence' }];
}

/** @returns {Entry[]} */
function docs() {
  const to = '/usr/share/doc/kmesh';
  const own = ['README.md', 'CHANGELOG.md', 'ARCHITECTURE.md'].map((name) => ({ from: path.join(root, name), to: `${to}/${name}`, kind: 'doc' }));
  return [...own, ...folder(path.join(root, 'docs'), `${to}/docs`, 'doc'), ...folder(path.join(root, 'samples'), `${to}/samples`, 'doc')];
}

/**
 * Package kmesh.
 *
 * @param {{bundles: string[], docs: boolean, licences: string, terms: string, bill: string}} options finished builds to hold; whether README and docs
 *   are in it; the folder that the format keeps licences in; terms and list of what others wrote
 * @returns {Entry[]}
 */
export function kmeshFiles({ bundles, docs: withDocs, licences: target, terms, bill }) {
  const at = (name) => path.join(root, name);
  return [
    { from: at('packaging/kmesh'), to: '/usr/bin/kmesh', mode: 0o755 },
    { from: at('packaging/kmesh.service'), to: '/usr/lib/systemd/system/kmesh.service' },
    { from: at('packaging/kmesh.env'), to: '/etc/kmesh/kmesh.env', kind: 'config' },
    ...['agent.js', 'daemon.js', 'package.json'].map((name) => ({ from: at(name), to: `${INSTALL}/${name}` })),
    { from: at('start_kmesh.sh'), to: `${INSTALL}/start_kmesh.sh`, mode: 0o755 },
    // Compiled on the node; and by their digests the agent knows that a bundle is of its own version.
    ...folder(at('bpf'), `${INSTALL}/bpf`),
    ...folder(at('kernel'), `${INSTALL}/kernel`),
    ...cniPlugin(),
    ...bundles.map((file) => ({ from: path.resolve(file), to: `${INSTALL}/bundles/${path.basename(file)}` })),
    ...koffi(),
    { text: bill, to: `${INSTALL}/sbom.cdx.json` },
    ...licences(target, terms),
    ...(withDocs ? docs() : []),
  ];
}

/** Package kmesh-node: Node itself, for distributions whose own is too old. @returns {Entry[]} */
export function nodeFiles({ licences: target }) {
  const found = ['x64', 'arm64'].map((name) => path.join(root, `packaging/node/node_modules/node-linux-${name}`)).find((name) => existsSync(name));
  if (found === undefined) throw new Error('packaging/node is not installed: cd packaging/node && npm ci --ignore-scripts');
  if (statSync(path.join(found, 'bin/node')).size < 1 << 20) throw new Error(`${found}/bin/node is no Node`);
  return [
    { from: path.join(found, 'bin/node'), to: NODE, mode: 0o755 },
    { from: path.join(found, 'LICENSE'), to: `${target}/LICENSE`, kind: 'licence' },
  ];
}
