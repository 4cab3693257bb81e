// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/** /proc/self/mountinfo without overlays and names of namespaces, which container engines and other tests mount and unmount at any time. */
export const mountTable = (): string =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => !/ - (?:overlay|nsfs) /.test(line))
    .join('\n');
