// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from './bpfObject.js';
import { compileLibrary } from './sandbox.js';

/** The wall clock of processes of a test, which can be set without touching the machine's: test/helpers/wall-clock.c. */
export class WallClock {
  readonly #file = path.join(temporaryFolder(), 'clock');

  constructor() {
    this.set(0);
  }

  /** Environment of the processes that go by this clock, and of those that they start. */
  get env(): NodeJS.ProcessEnv {
    return { LD_PRELOAD: compileLibrary('wall-clock'), WALL_CLOCK: this.#file };
  }

  /** At once, `seconds` ahead of the machine's clock; behind it when negative. */
  set(seconds: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    // In place: the processes have the file mapped.
    const fd = fs.openSync(this.#file, fs.existsSync(this.#file) ? 'r+' : 'w', 0o600);
    fs.writeSync(fd, bytes, 0, bytes.length, 0);
    fs.closeSync(fd);
  }
}
