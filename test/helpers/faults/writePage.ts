// SPDX-License-Identifier: Apache-2.0
// `npm run docs:faults`: writes docs/faults.md anew.
import { writeFileSync } from 'node:fs';
import { faultsPage } from './page.js';
import { scenarios, tryAll } from './table.js';

writeFileSync('docs/faults.md', faultsPage(await tryAll(await scenarios())));
