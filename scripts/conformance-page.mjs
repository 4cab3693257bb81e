// SPDX-License-Identifier: Apache-2.0
// `npm run docs:conformance`: writes docs/conformance.md from the cases of test/conformance.
import process from 'node:process';
import { root } from './setup.mjs';
import { runTypescript } from './typescript.mjs';

process.chdir(root);
await runTypescript('test/conformance/writePage.ts');
