// SPDX-License-Identifier: Apache-2.0
// `npm run docs:faults`: writes docs/faults.md from what the synthetic node shows.
import process from 'node:process';
import { root } from './setup.mjs';
import { runTypescript } from './typescript.mjs';

process.chdir(root);
await runTypescript('test/helpers/faults/writePage.ts');
