// SPDX-License-Identifier: Apache-2.0
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Slices } from './model/slices.js';

/**
 * How long a slice takes at most, in milliseconds, but for its last step. The goal is that the event loop is never held
 * for 50 ms: the rest is for collecting garbage, and for a processor that others use too.
 */
const SLICE_MS = 10;

/** Does the work in slices; everybody else on the event loop has a turn between two of them. */
export async function inSlices<T>(work: Slices<T>): Promise<T> {
  let began = performance.now();
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    if (performance.now() - began < SLICE_MS) continue;
    await nextTurn();
    began = performance.now();
  }
}
