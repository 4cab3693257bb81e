// SPDX-License-Identifier: Apache-2.0
import { type Fact, no, unknown, yes } from './fact.js';
import { quote } from './probeError.js';

/** Machines (`uname -m`) on which this project was run. */
const RUN_ON = ['x86_64', 'aarch64'];

/** Other machines with 64 bits and the low byte first, as the layout of the maps is written. */
const ALIKE = ['riscv64', 'loongarch64', 'ppc64le', 'mips64el'];

/** Whether kmesh-daemon and the programs understand each other on a machine: a 32-bit or big-endian one lays maps out differently. */
export function architectureFact(machine: string): Fact {
  if (RUN_ON.includes(machine)) return yes(`${machine} is known`);
  if (ALIKE.includes(machine)) return unknown(`${machine} was never tried, but is built like those that were (${RUN_ON.join(', ')})`);
  return no(`${quote(machine)} is none of ${[...RUN_ON, ...ALIKE].join(', ')}`);
}
