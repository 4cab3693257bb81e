// SPDX-License-Identifier: Apache-2.0
// `npm test [-- FILE ...]`: sets up what the tests need, checks the types, runs the tests. Ends with the
// line `N passed, N failed, N skipped` of the reporter.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root, setup } from './setup.mjs';

function step(name, file, args) {
  const result = spawnSync(process.execPath, [path.join(root, file), ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.status !== 0) {
    process.stderr.write(`test: ${name} failed (${result.signal ?? `exit ${result.status}`})\n`);
    process.exit(result.status ?? 1);
  }
}

try {
  setup({ forTests: true });
} catch (error) {
  process.stderr.write(`test: ${error.message}\n`);
  process.exit(1);
}
step('types', 'node_modules/typescript/bin/tsc', ['--noEmit', '-p', '.']);
step('tests', 'node_modules/tap/dist/esm/run.mjs', [`--reporter=${path.join(root, 'scripts/tap-reporter.mjs')}`, ...process.argv.slice(2)]);
