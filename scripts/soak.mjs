// SPDX-License-Identifier: Apache-2.0
// `npm run soak [-- SECONDS]`: the agent's supervisor with real processes that crash and hang, for an hour unless told otherwise.
import process from 'node:process';
import { root, setup } from './setup.mjs';
import { runTypescript } from './typescript.mjs';

process.chdir(root);
try {
  setup({ forTests: true });
} catch (error) {
  process.stderr.write(`soak: ${error.message}\n`);
  process.exit(1);
}
await runTypescript('test/helpers/supervision/soak.ts');
