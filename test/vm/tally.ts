// SPDX-License-Identifier: Apache-2.0
/** Prints one line for each check as it comes, and the closing line `N passed, N failed`. */
export class Tally {
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  check(title: string, ok: boolean, detail?: string): void {
    if (ok) this.#passed += 1;
    else this.#failed += 1;
    process.stdout.write(`${ok ? 'ok' : 'FAILED'} ${title}\n`);
    if (!ok && detail !== undefined) process.stdout.write(`${detail.replace(/^/gm, '    ')}\n`);
  }

  skip(title: string, reason: string): void {
    this.#skipped += 1;
    process.stdout.write(`skipped ${title}: ${reason}\n`);
  }

  /** @returns the exit code. A run that checked nothing has failed, unless it says what it skipped. */
  close(): number {
    const skipped = this.#skipped > 0 ? `, ${this.#skipped} skipped` : '';
    process.stdout.write(`${this.#passed} passed, ${this.#failed} failed${skipped}\n`);
    return this.#failed > 0 || this.#passed + this.#skipped === 0 ? 1 : 0;
  }
}
