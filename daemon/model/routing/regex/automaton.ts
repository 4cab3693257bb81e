// SPDX-License-Identifier: Apache-2.0

/**
 * A deterministic automaton over bytes, as the eBPF programs run it (struct km_automaton of bpf/include/kmesh/layout.h): a text
 * matches as a whole if the state behind its last byte is an accepting one. It is the smallest one for its texts, and
 * numbered in one way only, so that two automata of the same texts are equal byte by byte.
 */
export interface Automaton {
  /** Including state 0, out of which no text leads to a match. */
  readonly states: number;
  readonly start: number;
  /** The first of the accepting states, which are the last ones; `states` when there is none. */
  readonly accepting: number;
  /** Number of classes. */
  readonly width: number;
  /** The class of each of the 256 bytes. */
  readonly classes: Buffer;
  /** The state behind a byte of class c in state s is at s * width + c. */
  readonly next: Buffer;
}

/** A state is one byte. */
export const MOST_STATES = 256;
/** KM_AUTOMATON_CELLS: states times classes. */
export const MOST_CELLS = 7680;

/** A text that is the same for equal automata, and for no others. */
export const automatonKey = ({ start, accepting, width, classes, next }: Automaton): string =>
  `${start} ${accepting} ${width} ${classes.toString('latin1')}${next.toString('latin1')}`;

export const sameAutomaton = (a: Automaton, b: Automaton): boolean =>
  a === b || (a.start === b.start && a.accepting === b.accepting && a.width === b.width && a.next.equals(b.next) && a.classes.equals(b.classes));
