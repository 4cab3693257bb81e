// SPDX-License-Identifier: Apache-2.0
/** Prints, for each line that it reads, the wall clock and the clock by which the daemon waits, in milliseconds. */
import readline from 'node:readline';
import { systemClock } from '../../daemon/xds/source.js';

readline.createInterface({ input: process.stdin }).on('line', () => process.stdout.write(`${Date.now()} ${systemClock.now()}\n`));
