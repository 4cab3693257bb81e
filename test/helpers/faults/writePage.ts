// SPDX-License-Identifier: Apache-2.0
// `npm run docs:faults`: writes docs/faults.md and the generated parts of docs/supervision.md anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { supervisionPage } from '../supervision/page.js';
import { play, SCENARIOS } from '../supervision/scenarios.js';
import { faultsPage } from './page.js';
import { scenarios, tryAll } from './table.js';

const outcomes = [];
for (const scenario of SCENARIOS) outcomes.push(await play(scenario));
writeFileSync('docs/supervision.md', supervisionPage(readFileSync('docs/supervision.md', 'utf8'), outcomes));
writeFileSync('docs/faults.md', faultsPage(await tryAll(await scenarios())));
