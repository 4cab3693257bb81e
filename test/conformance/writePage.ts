// SPDX-License-Identifier: Apache-2.0
// `npm run docs:conformance`: writes docs/conformance.md from the cases.
import { writeFileSync } from 'node:fs';
import { conformancePage } from './page.js';

writeFileSync('docs/conformance.md', conformancePage());
