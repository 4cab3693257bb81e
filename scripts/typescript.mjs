// SPDX-License-Identifier: Apache-2.0
// Runs a TypeScript program of test/vm in this process: bundled to build/vm/ first, with node_modules left outside.
import { build } from 'esbuild';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

export async function runTypescript(file) {
  const outfile = path.join(root, 'build/vm', `${path.basename(file, '.ts')}-${process.pid}.mjs`);
  await build({ entryPoints: [path.join(root, file)], outfile, bundle: true, platform: 'node', target: 'node20', format: 'esm', packages: 'external', logLevel: 'warning' });
  process.on('exit', () => rmSync(outfile, { force: true }));
  // Without a handler a signal would end the process before what it started and made is ended and removed.
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) process.on(signal, () => process.exit(code));
  await import(pathToFileURL(outfile).href);
}
