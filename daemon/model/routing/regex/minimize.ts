// SPDX-License-Identifier: Apache-2.0
import { MOST_CELLS, MOST_STATES } from './automaton.js';
import type { Automaton } from './automaton.js';
import type { Table } from './determinize.js';
import { Refused } from './instructions.js';

/**
 * The smallest automaton for the same texts. States are numbered in the order in which texts come to them, the accepting ones behind the
 * others, and classes in the order of their first byte.
 *
 * @throws Refused when it is larger than the record of one.
 */
export function minimize(table: Table): Automaton {
  const blocks = blocksOf(table);
  const order = numbered(table, blocks);
  const accepting = order.findIndex((state) => table.accepting[state]!);
  const numbers = new Map(order.map((state, i) => [blocks[state]!, i]));
  const row = (state: number): number[] => Array.from({ length: table.width }, (_, c) => numbers.get(blocks[table.next[state * table.width + c]!]!)!);
  const rows = order.map(row);
  const { classes, columns } = merged(table.classes, rows);
  if (order.length > MOST_STATES) throw new Refused(`it is too large: ${order.length} states, where ${MOST_STATES} are possible`);
  const cells = order.length * columns.length;
  if (cells > MOST_CELLS) throw new Refused(`it is too large: ${order.length} states for ${columns.length} classes of bytes, where ${MOST_CELLS} in all are possible`);
  return {
    states: order.length,
    start: numbers.get(blocks[table.start]!)!,
    accepting: accepting < 0 ? order.length : accepting,
    width: columns.length,
    classes,
    next: Buffer.from(rows.flatMap((to) => columns.map((c) => to[c]!))),
  };
}

/** One state of each block, in the order of their numbers. */
function numbered({ start, accepting, width, next }: Table, blocks: readonly number[]): number[] {
  const found = new Map([[blocks[0]!, 0]]);
  const open = [start];
  for (const state of open) {
    if (found.has(blocks[state]!)) continue;
    found.set(blocks[state]!, state);
    for (let c = 0; c < width; c += 1) open.push(next[state * width + c]!);
  }
  const order = [...found.values()];
  return [...order.filter((state) => !accepting[state]!), ...order.filter((state) => accepting[state]!)];
}

/** Classes whose bytes lead to the same states from everywhere are one. */
function merged(classes: Uint8Array, rows: readonly (readonly number[])[]): { classes: Buffer; columns: number[] } {
  const known = new Map<string, number>();
  const columns: number[] = [];
  const renamed = rows[0]!.map((_, c) => {
    const key = rows.map((row) => row[c]).join(' ');
    const at = known.get(key) ?? columns.push(c) - 1;
    known.set(key, at);
    return at;
  });
  return { classes: Buffer.from(classes.map((c) => renamed[c]!)), columns };
}

/** The block of each state: those of one block cannot be told apart by any text (Hopcroft's partition refinement). */
function blocksOf({ accepting, width, next }: Table): number[] {
  const partition = new Partition(accepting);
  const from = sources(width, next);
  const open = new Set<number>();
  for (let c = 0; c < width; c += 1) for (let block = 0; block < partition.blocks; block += 1) open.add(block * width + c);
  for (const splitter of open) {
    open.delete(splitter);
    const c = splitter % width;
    const into = partition.members(Math.floor(splitter / width)).flatMap((state) => from[state * width + c] ?? []);
    for (const [block, made] of partition.split(into)) {
      for (let k = 0; k < width; k += 1) {
        const smaller = partition.members(made).length <= partition.members(block).length ? made : block;
        open.add((open.has(block * width + k) ? made : smaller) * width + k);
      }
    }
  }
  return accepting.map((_, state) => partition.blockOf(state));
}

/** The states that lead to a state by a class. */
function sources(width: number, next: readonly number[]): (number[] | undefined)[] {
  const from: (number[] | undefined)[] = [];
  for (const [i, to] of next.entries()) {
    const at = to * width + (i % width);
    (from[at] ??= []).push(Math.floor(i / width));
  }
  return from;
}

class Partition {
  readonly #members: number[][];
  readonly #blockOf: number[];

  constructor(accepting: readonly boolean[]) {
    const all = accepting.map((_, state) => state);
    this.#members = [all.filter((state) => !accepting[state]), all.filter((state) => accepting[state])].filter(({ length }) => length > 0);
    this.#blockOf = all.map((state) => (this.#members[0]!.includes(state) ? 0 : 1));
  }

  get blocks(): number {
    return this.#members.length;
  }

  members(block: number): readonly number[] {
    return this.#members[block]!;
  }

  blockOf(state: number): number {
    return this.#blockOf[state]!;
  }

  /** Parts each block into states that are among these and states that are not. @returns the blocks that were parted, with what was made of the first. */
  split(states: readonly number[]): [block: number, made: number][] {
    const inside = new Map<number, number[]>();
    for (const state of new Set(states)) {
      const these = inside.get(this.#blockOf[state]!);
      if (these) these.push(state);
      else inside.set(this.#blockOf[state]!, [state]);
    }
    const parted: [number, number][] = [];
    for (const [block, these] of inside) {
      if (these.length === this.#members[block]!.length) continue;
      const taken = new Set(these);
      this.#members[block] = this.#members[block]!.filter((state) => !taken.has(state));
      const made = this.#members.push(these) - 1;
      for (const state of these) this.#blockOf[state] = made;
      parted.push([block, made]);
    }
    return parted;
  }
}
