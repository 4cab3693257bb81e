// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/** /proc/self/mountinfo without overlays, which container engines and other tests mount and unmount at any time. */
export const mountTable = (): string =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => !line.includes(' - overlay '))
    .join('\n');
