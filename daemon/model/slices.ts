// SPDX-License-Identifier: Apache-2.0

/**
 * Work that can be interrupted wherever it yields, so that who does it on an event loop gives others their turn. It
 * changes nothing that others see before it ends.
 */
export type Slices<T> = Generator<void, T, void>;

/** How many things are passed over between two yields where each is only looked at: some ten microseconds. */
export const LOOKS = 512;

/** Does the work at one go. */
export function whole<T>(work: Slices<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
