// SPDX-License-Identifier: Apache-2.0
// `npm run package [-- --bundle FILE]...`: the packages kmesh and kmesh-node, as deb and as rpm, in build/packages.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, setup } from './setup.mjs';

function run(file, args, cwd = root) {
  const { status, signal, error } = spawnSync(file, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${[path.basename(file), ...args].join(' ')} failed (${error?.message ?? signal ?? `exit ${status}`})`);
}

/** The Node of kmesh-node, by the lock file of packaging/node. */
function ensureNode() {
  const folder = path.join(root, 'packaging/node');
  const [stamp, wanted] = [path.join(folder, 'node_modules/.lock'), readFileSync(path.join(folder, 'package-lock.json'), 'utf8')];
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], folder);
  writeFileSync(stamp, wanted);
}

/** @param args more for packaging/package.mjs, as --output */
export function makePackages(args) {
  ensureNode();
  run('make', ['--silent', '-C', 'cni']);
  run(process.execPath, [path.join(root, 'packaging/package.mjs'), '--format=deb', '--format=rpm', ...args]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    setup({ forPackages: true });
    makePackages(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`package: ${error.message}\n`);
    process.exitCode = 1;
  }
}
