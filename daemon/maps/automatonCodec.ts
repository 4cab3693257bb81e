// SPDX-License-Identifier: Apache-2.0
import type { Automaton } from '../model/routing/regex/automaton.js';
import type { Codec } from './codec.js';
import { AUTOMATON_CELLS, AUTOMATON_STATES, STRUCTS } from './layout.js';

const AUTOMATON = STRUCTS.km_automaton.fields;
const BYTES = 256;

/** struct km_automaton: cells behind the last state are zero. */
export const automaton: Codec<Automaton> = {
  size: STRUCTS.km_automaton.size,
  write({ states, start, accepting, width, classes, next }, to, at) {
    if (classes.length !== BYTES || next.length !== states * width) throw new RangeError(`an automaton of ${states} states and ${width} classes has ${classes.length} bytes and ${next.length} cells`);
    if (states > AUTOMATON_STATES || next.length > AUTOMATON_CELLS) throw new RangeError(`an automaton has ${AUTOMATON_STATES} states and ${AUTOMATON_CELLS} cells at most, not ${states} and ${next.length}`);
    to.writeUInt32LE(states, at + AUTOMATON.states);
    to.writeUInt32LE(start, at + AUTOMATON.start);
    to.writeUInt32LE(accepting, at + AUTOMATON.accepting);
    to.writeUInt32LE(width, at + AUTOMATON.width);
    classes.copy(to, at + AUTOMATON.classes);
    next.copy(to, at + AUTOMATON.next);
  },
  read(from, at) {
    const states = from.readUInt32LE(at + AUTOMATON.states);
    const width = from.readUInt32LE(at + AUTOMATON.width);
    if (states > AUTOMATON_STATES || states * width > AUTOMATON_CELLS) throw new RangeError(`an automaton of ${states} states and ${width} classes`);
    return {
      states,
      start: from.readUInt32LE(at + AUTOMATON.start),
      accepting: from.readUInt32LE(at + AUTOMATON.accepting),
      width,
      classes: Buffer.from(from.subarray(at + AUTOMATON.classes, at + AUTOMATON.classes + BYTES)),
      next: Buffer.from(from.subarray(at + AUTOMATON.next, at + AUTOMATON.next + states * width)),
    };
  },
};
