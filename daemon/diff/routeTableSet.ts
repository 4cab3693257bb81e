// SPDX-License-Identifier: Apache-2.0
import type { Slices } from '../model/slices.js';
import type { RouteTable } from '../model/routeTable.js';
import type { RouteTableImage } from './image.js';
import { storedName } from './names.js';
import type { ProgramWork } from './programs.js';
import { planRouteTable, planRouteTableRemoval, routeTableWithoutClusters } from './routeTables.js';

export interface PlannedRouteTables {
  /** By stored name. */
  readonly tables: ReadonlyMap<string, RouteTableImage>;
  /** Stored names of tables that came or went, or have another id: who leads to them has another id to write. */
  readonly renumberedTables: ReadonlySet<string>;
  /** Ids of tables that go, with the id of the table of the same name; 0 when there is none. */
  readonly replacedTables: ReadonlyMap<number, number>;
}

/**
 * Plans all route tables. One that looks hosts up in another way (with ports, or without) is another table, since its
 * domains could not change with it in one moment.
 *
 * @param sweep whether adopted tables that the model does not have are removed, too; otherwise they stay, without the clusters in `gone`.
 */
export function* planRouteTables(
  work: ProgramWork,
  before: ReadonlyMap<string, RouteTableImage>,
  wanted: ReadonlyMap<string, RouteTable>,
  sweep: { readonly frontends: boolean },
  gone: ReadonlySet<number>,
): Slices<PlannedRouteTables> {
  const tables = new Map<string, RouteTableImage>();
  for (const [modelName, table] of wanted) {
    const name = storedName(modelName);
    const held = before.get(name);
    const known = held?.ignorePort === table.ignorePort ? held : undefined;
    const same = known?.source === table && work.renumbered.size === 0 && !(work.automata.hasRoom && known.roomless);
    tables.set(name, same ? known : yield* planRouteTable(work, known, table, name));
  }
  for (const [name, held] of before) {
    const after = tables.get(name);
    if (after ? after.id !== held.id : sweep.frontends || held.source) planRouteTableRemoval(work, held);
    else if (!after) tables.set(name, gone.size === 0 ? held : routeTableWithoutClusters(work, held, gone));
  }
  const idOf = (images: ReadonlyMap<string, RouteTableImage>, name: string): number => images.get(name)?.id ?? 0;
  const renumbered = [...new Set([...before.keys(), ...tables.keys()])].filter((name) => idOf(before, name) !== idOf(tables, name));
  const replaced = renumbered.filter((name) => before.has(name)).map((name) => [idOf(before, name), idOf(tables, name)] as const);
  return { tables, renumberedTables: new Set(renumbered), replacedTables: new Map(replaced) };
}
