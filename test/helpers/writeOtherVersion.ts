// SPDX-License-Identifier: Apache-2.0
/** Run by scripts/other-version.mjs, whose argument is the folder. */
import { otherVersion } from './installation.js';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('name a folder');
await otherVersion(folder);
