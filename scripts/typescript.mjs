// SPDX-License-Identifier: Apache-2.0
// Runs a TypeScript program of test/vm in this process: bundled to build/vm/ first, with node_modules left outside.
import { build } from 'esbuild';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const folder = path.join(root, 'build/vm');

const remove = (name) => rmSync(path.join(folder, name), { recursive: true, force: true });

/** What runs that were killed left: names end with the pid. */
function removeLeftovers() {
  for (const name of readdirSync(folder)) {
    const pid = /-(\d+)(\.mjs)?$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) remove(name);
  }
}

export async function runTypescript(file) {
  mkdirSync(folder, { recursive: true });
  removeLeftovers();
  const bundle = `${path.basename(file, '.ts')}-${process.pid}.mjs`;
  process.on('exit', () => remove(bundle));
  // Without a handler a signal would end the process before what it started and made is ended and removed.
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
    process.on(signal, () => {
      process.stderr.write(`ended by ${signal}\n`);
      process.exit(code);
    });
  }
  const outfile = path.join(folder, bundle);
  await build({ entryPoints: [path.join(root, file)], outfile, bundle: true, platform: 'node', target: 'node20', format: 'esm', packages: 'external', logLevel: 'warning' });
  await import(pathToFileURL(outfile).href);
}
