// SPDX-License-Identifier: Apache-2.0
// `npm run test:image [-- NAME...]`: builds packages and both images, installs the ones, runs the others as kmesh.yaml says, and opens the agent's page
// in a browser. Names choose among yaml, package, packageInstall, compatImage, troubles, capabilities, prebuiltImage and page. Ends with
// `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root, setup } from './setup.mjs';
import { buildImages, buildPackages, prepare } from './images.mjs';

/** Test files, with what has to be built before. */
const TESTS = { yaml: undefined, package: buildPackages, packageInstall: buildPackages, compatImage: buildImages, troubles: buildImages, capabilities: buildImages, prebuiltImage: buildImages, page: buildImages };

let env;
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(TESTS);
try {
  const unknown = names.filter((name) => !(name in TESTS));
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}; there are ${Object.keys(TESTS).join(', ')}`);
  if (process.getuid() !== 0) throw new Error('needs root: images are built and containers are run privileged');
  setup({ forTests: true, forImages: true });
  const builders = new Set(names.map((name) => TESTS[name]).filter(Boolean));
  env = Object.assign({}, prepare(), ...[...builders].map((build) => build()));
} catch (error) {
  process.stderr.write(`test:image: ${error.message}\n`);
  process.stdout.write('0 passed, 1 failed\n');
  process.exit(1);
}
const files = names.map((name) => `test/${name === 'page' ? 'browser' : 'image'}/${name}.test.ts`);
const args = [path.join(root, 'node_modules/tap/dist/esm/run.mjs'), '--jobs=1', `--reporter=${path.join(root, 'scripts/tap-reporter.mjs')}`, ...files];
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env, CI: 'true' } });
process.exitCode = status ?? 1;
