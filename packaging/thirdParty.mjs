// SPDX-License-Identifier: Apache-2.0
// What others wrote and is in the package: a bill of materials for tools, and the terms for people.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './files.mjs';

const LICENCE_FILE = /^(?:licen[cs]e|copying)/i;

/** The same in every package; it is in LICENSES/. */
const APACHE = /^\s*Apache License\s+Version 2\.0, January 2004\s/;

/** Folder of each npm package that esbuild put into a bundle (scripts/build.mjs writes which), and of koffi, which stays outside. */
function folders() {
  const inputs = JSON.parse(readFileSync(path.join(root, 'build/bundled.json'), 'utf8'));
  const found = inputs.map((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]).filter(Boolean);
  return [...new Set([...found, 'node_modules/koffi'])].sort();
}

/** @returns {{name: string, version: string, license: string, text: string}[]} npm packages in agent.js, daemon.js and node_modules */
export function bundledPackages() {
  return folders().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(path.join(root, folder)).find((one) => LICENCE_FILE.test(one));
    if (typeof license !== 'string') throw new Error(`${folder}/package.json does not say its licence`);
    const text = file === undefined ? 'The package has no text of its licence with it.' : readFileSync(path.join(root, folder, file), 'utf8').trim();
    return { name, version, license, text: APACHE.test(text) ? 'The Apache License, Version 2.0.' : text };
  });
}

/** Terms of the packages, each text once. */
export function terms(packages) {
  const byText = new Map();
  for (const one of packages) byText.set(one.text, [...(byText.get(one.text) ?? []), `${one.name} ${one.version} (${one.license})`]);
  const parts = [...byText].map(([text, names]) => `${'-'.repeat(80)}\n${names.join('\n')}\n\n${text}\n`);
  return `agent.js and daemon.js hold these npm packages, or use them from node_modules:\n\n${parts.join('\n')}`;
}

/** CycloneDX 1.5: the npm packages in the bundles. What the distribution brings, its own tools list. */
export function billOfMaterials(version, packages) {
  const licence = (id) => (/\s/.test(id) ? { expression: id } : { license: { id } });
  const components = packages.map(({ name, version: of, license }) => ({
    type: 'library',
    name,
    version: of,
    licenses: [licence(license)],
    purl: `pkg:npm/${name.replace('@', '%40')}@${of}`,
  }));
  const component = { type: 'application', name: 'kmesh-node-agent', version };
  return `${JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1, metadata: { component }, components }, null, 2)}\n`;
}
