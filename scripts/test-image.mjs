// SPDX-License-Identifier: Apache-2.0
// `npm run test:image`: builds both images and runs them as kmesh.yaml says, and opens the agent's page in a browser. Ends with `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root, setup } from './setup.mjs';
import { buildImages } from './images.mjs';

let env;
try {
  if (process.getuid() !== 0) throw new Error('needs root: images are built and containers are run privileged');
  setup({ forTests: true, forImages: true });
  env = buildImages();
} catch (error) {
  process.stderr.write(`test:image: ${error.message}\n`);
  process.stdout.write('0 passed, 1 failed\n');
  process.exit(1);
}
const files = ['image/yaml', 'image/compatImage', 'image/prebuiltImage', 'browser/page'].map((name) => `test/${name}.test.ts`);
const args = [path.join(root, 'node_modules/tap/dist/esm/run.mjs'), '--jobs=1', `--reporter=${path.join(root, 'scripts/tap-reporter.mjs')}`, ...files];
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env, CI: 'true' } });
process.exitCode = status ?? 1;
