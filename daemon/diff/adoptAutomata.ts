// SPDX-License-Identifier: Apache-2.0
import { automatonKey } from '../model/routing/regex/automaton.js';
import type { AutomatonImage } from './automata.js';
import type { RouteTableImage } from './image.js';
import type { MapContents, Operation } from './operations.js';

/** The automata that an earlier process wrote; what no step runs has no owner. */
export function adoptAutomata({ automata }: MapContents, tables: ReadonlyMap<string, RouteTableImage>, orphans: Operation[]): Map<string, AutomatonImage> {
  // Without any no step is looked at.
  const uses = automata.length === 0 ? new Map<number, number>() : usesOf(tables);
  const adopted = new Map<string, AutomatonImage>();
  for (const { id, value } of automata) {
    const used = uses.get(id);
    if (used === undefined) {
      orphans.push({ op: 'delete', map: 'km_automaton', key: id });
      continue;
    }
    // One that stands twice counts once: the other one serves nobody but the steps that have it.
    const key = automatonKey(value);
    adopted.set(adopted.has(key) ? `\0${id}` : key, { id, uses: used });
  }
  return adopted;
}

/** How many steps run each automaton. */
function usesOf(tables: ReadonlyMap<string, RouteTableImage>): Map<number, number> {
  const uses = new Map<number, number>();
  for (const { vhosts } of tables.values()) {
    for (const { program } of vhosts.values()) {
      for (const step of program.steps.list()) if (step.op === 'automaton') uses.set(step.automaton, (uses.get(step.automaton) ?? 0) + 1);
    }
  }
  return uses;
}
