// SPDX-License-Identifier: Apache-2.0
// `node scripts/other-version.mjs FOLDER`: writes a copy of agent, daemon and eBPF sources whose maps have another layout, for tests of upgrades.
import process from 'node:process';
import { root } from './setup.mjs';
import { runTypescript } from './typescript.mjs';

process.chdir(root);
await runTypescript('test/helpers/writeOtherVersion.ts');
