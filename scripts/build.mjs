// SPDX-License-Identifier: Apache-2.0
// Bundles agent/main.ts and daemon/main.ts to agent.js and daemon.js at the top level. koffi stays outside
// of the bundles: it finds its shared library beside itself. build/bundled.json lists the files that went in, for the packages' bill of materials.
import { build } from 'esbuild';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

const bundle = (name) =>
  build({
    entryPoints: [path.join(root, name, 'main.ts')],
    outfile: path.join(root, `${name}.js`),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['koffi'],
    define: { KMESH_VERSION: JSON.stringify(version) },
    // Packages in CommonJS form that are bundled into an ES module still call require().
    banner: { js: "import { createRequire as kmeshCreateRequire } from 'node:module'; const require = kmeshCreateRequire(import.meta.url);" },
    // The source stays in memory for good: without comments it is half as long, and one wide character, as in a comment of a package,
    // would have each character take two bytes. Names and lines stay, for stack traces.
    minifyWhitespace: true,
    lineLimit: 160,
    legalComments: 'none',
    logLevel: 'warning',
    absWorkingDir: root,
    metafile: true,
  });

const results = await Promise.all([bundle('agent'), bundle('daemon')]);
mkdirSync(path.join(root, 'build'), { recursive: true });
writeFileSync(path.join(root, 'build/bundled.json'), `${JSON.stringify([...new Set(results.flatMap(({ metafile }) => Object.keys(metafile.inputs)))].sort(), null, 1)}\n`);
