// SPDX-License-Identifier: Apache-2.0
// `npm run fuzz [-- SECONDS [TARGET...]]`: sets up what the fuzzers need and runs them.
import process from 'node:process';
import { root, setup } from './setup.mjs';
import { runTypescript } from './typescript.mjs';

process.chdir(root);
try {
  setup({ forTests: true });
} catch (error) {
  process.stderr.write(`fuzz: ${error.message}\n`);
  process.exit(1);
}
await runTypescript('test/fuzzCommand.ts');
