// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the sources. The bundles of scripts/typescript.mjs lie as deep below it (build/vm/) as this file does. */
export const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
