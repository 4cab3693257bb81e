// SPDX-License-Identifier: Apache-2.0
import type { RouteProgram, RouteStep } from '../routeTable.js';
import { SLASH } from './texts.js';
import type { Check, Part } from './texts.js';

type End = Extract<RouteStep, { op: 'target' | 'default' }>;

/** A step with the steps that follow it. */
export type Node = End | Branch;

interface Branch {
  readonly does: Check | Part | { readonly op: 'empty' };
  readonly then: Node;
  readonly otherwise: Node;
  /** Of an automaton that the maps have no room for. */
  readonly unsure?: Node;
}

/**
 * The steps of a program, made from its end to its beginning: a step is made after those that it jumps to, so that in
 * the opposite order all jumps go forward.
 */
export class Graph {
  readonly #made: Node[] = [];

  end(does: End): Node {
    this.#made.push(does);
    return does;
  }

  /** Makes a part of the request the current text. Steps at `otherwise` do not look at the text before they have chosen one. */
  select(does: Part, then: Node, otherwise: Node): Node {
    return this.#branch(does, then, otherwise);
  }

  /** Makes the current text empty. */
  empty(then: Node): Node {
    if (!isBranch(then) || !looksAtText(then)) return then;
    const node = { does: { op: 'empty' as const }, then, otherwise: then };
    this.#made.push(node);
    return node;
  }

  /** @param unsure where an automaton leads that the maps have no room for. */
  check(does: Check, then: Node, otherwise: Node, unsure: Node): Node {
    return this.#branch(does, then, otherwise, does.op === 'automaton' ? unsure : undefined);
  }

  /** The program that begins with this step, without the steps that it never comes to. */
  program(first: Node): RouteProgram {
    const order: Node[] = [];
    const reached = new Set([first]);
    for (const node of this.#made.toReversed()) {
      if (!reached.has(node)) continue;
      order.push(node);
      for (const next of nextOf(node)) reached.add(next);
    }
    const places = new Map(order.map((node, i) => [node, i]));
    return { steps: order.map((node) => (isBranch(node) ? stepOf(node, places) : node)) };
  }

  #branch(does: Check | Part, then: Node, otherwise: Node, unsure?: Node): Node {
    if (then === otherwise) return then;
    const node = unsure ? { does, then, otherwise, unsure } : { does, then, otherwise };
    this.#made.push(node);
    return node;
  }
}

/** Field by field: half a million of these are made at a load, and a spread of objects of many shapes takes ten times as long. */
function stepOf(node: Branch, places: ReadonlyMap<Node, number>): RouteStep {
  const { does } = node;
  const then = places.get(node.then)!;
  const otherwise = places.get(node.otherwise)!;
  switch (does.op) {
    case 'field':
      return { op: does.op, field: does.field, then, otherwise };
    case 'header':
    case 'param':
      return { op: does.op, name: does.name, then, otherwise };
    case 'empty':
      return { op: does.op, then, otherwise };
    case 'compare':
      return { op: does.op, bytes: does.bytes, offset: does.offset, fromEnd: does.fromEnd, ignoreCase: does.ignoreCase, then, otherwise };
    case 'length':
      return { op: does.op, is: does.is, bytes: does.bytes, then, otherwise };
    case 'contains':
      return { op: does.op, bytes: does.bytes, ignoreCase: does.ignoreCase, then, otherwise };
    case 'range':
      return { op: does.op, start: does.start, end: does.end, then, otherwise };
    case 'automaton':
      return { op: does.op, automaton: does.automaton, regex: does.regex, then, otherwise, unsure: places.get(node.unsure!)! };
  }
}

const isBranch = (node: Node): node is Branch => 'does' in node;

const nextOf = (node: Node): readonly Node[] => (isBranch(node) ? [node.then, node.otherwise, ...(node.unsure ? [node.unsure] : [])] : []);

/** Where a jump to `node` leads when `part` is the current text already. */
export function knowing(part: Part, node: Node): Node {
  return isBranch(node) && samePart(node.does, part) ? node.then : node;
}

/** The same when the path is known to begin with a slash: a match of all paths holds. */
export function knowingSlash(node: Node): Node {
  if (!isBranch(node) || !samePart(node.does, PATH)) return node;
  const slash = node.then;
  if (!isBranch(slash) || !asksForSlash(slash) || (isBranch(slash.then) && looksAtText(slash.then))) return node;
  return slash.then;
}

const PATH: Part = { op: 'field', field: 'path' };
const asksForSlash = ({ does }: Branch): boolean => does.op === 'compare' && does.offset === 0 && !does.fromEnd && does.bytes.equals(SLASH);

const looksAtText = ({ does: { op } }: Branch): boolean => op === 'compare' || op === 'length' || op === 'contains' || op === 'range' || op === 'automaton';

function samePart(a: Branch['does'] | RouteStep, b: Part): boolean {
  if (a.op === 'field') return b.op === 'field' && a.field === b.field;
  return (a.op === 'header' || a.op === 'param') && a.op === b.op && a.name === b.name;
}

/** Steps of the longest walk. */
export function longestWalk({ steps }: RouteProgram): number {
  const left: number[] = [];
  for (let i = steps.length - 1; i >= 0; i -= 1) {
    const step = steps[i]!;
    const onward = 'then' in step ? [step.then, step.otherwise, ...('unsure' in step ? [step.unsure] : [])] : [];
    left[i] = 1 + Math.max(0, ...onward.map((next) => left[next]!));
  }
  return left[0]!;
}
