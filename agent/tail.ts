// SPDX-License-Identifier: Apache-2.0

const MAX_LINES = 40;
const MAX_LINE_CHARS = 500;

/** Keeps the last lines of a tool's output, bounded however much it prints. */
export class TailBuffer {
  readonly #lines: string[] = [];

  push(line: string): void {
    this.#lines.push(line.length > MAX_LINE_CHARS ? `${line.slice(0, MAX_LINE_CHARS)}...` : line);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
  }

  lines(): readonly string[] {
    return [...this.#lines];
  }
}
