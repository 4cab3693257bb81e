// SPDX-License-Identifier: Apache-2.0
import type { HostDomain } from '../model/routeTable.js';
import type { ProgramImage, RouteTableImage, Table, VhostImage } from './image.js';
import type { DomainRecordKey, MapContents, Operation, SplitRecord, StoredStep, VhostRecord } from './operations.js';
import { AdoptedSteps } from './stepTable.js';

/** Takes the slots of a split out of what is left of them; empty when they are not all there. */
export type TakeSplit = (id: number, n: number) => Table<SplitRecord>;

/** Stored name of an id; of a nameless one a name that no resource has. */
export type NameOf = (kind: 'routes' | 'vhost', id: number) => string;

/**
 * The route tables that an earlier process wrote. Of a program that is not whole the steps that are there are kept in
 * mind: the next plan writes another one, and removes them.
 */
export function adoptRouteTables(contents: MapContents, nameOf: NameOf, takeSplit: TakeSplit, orphans: Operation[]): Map<string, RouteTableImage> {
  const programs = adoptPrograms(contents, takeSplit, orphans);
  const domains = domainsByTable(contents, orphans);
  const tables = new Map<string, RouteTableImage>();
  const used = new Set<number>();
  for (const { id, value } of contents.routes) {
    const vhosts = new Map<string, VhostImage>();
    for (const [vhostId, texts] of domains.get(id)!) {
      used.add(vhostId);
      vhosts.set(nameOf('vhost', vhostId), { id: vhostId, domains: texts, program: programs.get(vhostId) ?? NO_PROGRAM });
    }
    tables.set(nameOf('routes', id), { id, ignorePort: value.ignorePort, vhosts, roomless: false, source: undefined });
  }
  for (const [id, program] of programs) {
    if (used.has(id)) continue;
    orphans.push({ op: 'delete', map: 'km_vhost', key: id });
    for (const entry of entriesOf(program)) orphans.push(entry);
  }
  return tables;
}

/** Of a virtual host that domains lead to and that is not there. */
const NO_PROGRAM: ProgramImage = { id: 0, steps: new AdoptedSteps([]), splits: new Map(), clusters: [], roomless: [], source: undefined };

function addTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

/** Programs by the id of their virtual host. */
function adoptPrograms({ vhosts, steps, automata }: MapContents, takeSplit: TakeSplit, orphans: Operation[]): Map<number, ProgramImage> {
  const byProgram = new Map<number, Map<number, StoredStep>>();
  for (const step of steps) {
    const { key } = step;
    const program = byProgram.get(key.program) ?? new Map<number, StoredStep>();
    byProgram.set(key.program, program.set(key.index, step));
  }
  const runs = new Set(automata.map(({ id }) => id));
  const adopted = new Map<number, ProgramImage>();
  for (const { id, value } of vhosts) {
    adopted.set(id, adoptProgram(value, byProgram.get(value.program) ?? new Map(), runs, takeSplit, orphans));
    byProgram.delete(value.program);
  }
  for (const [program, found] of byProgram) for (const index of found.keys()) orphans.push({ op: 'delete', map: 'km_step', key: { program, index } });
  return adopted;
}

/** @param automata ids of those that are there. */
function adoptProgram({ program, n }: VhostRecord, found: ReadonlyMap<number, StoredStep>, automata: ReadonlySet<number>, takeSplit: TakeSplit, orphans: Operation[]): ProgramImage {
  const whole = found.size === n && [...found].every(([index, step]) => index < n && runs(step, automata));
  const steps = whole ? Array.from({ length: n }, (_, index) => found.get(index)!) : [];
  if (!whole) for (const index of found.keys()) orphans.push({ op: 'delete', map: 'km_step', key: { program, index } });
  const splits = new Map<number, Table<SplitRecord>>();
  for (const step of steps) {
    const value = step.op === 'target' ? step.value : undefined;
    if (value?.op === 'target' && value.kind === 'split') splits.set(value.target, takeSplit(value.target, value.n));
  }
  return { id: program, steps: new AdoptedSteps(steps), splits, clusters: [], roomless: [], source: undefined };
}

/** Whether the automaton of a step is there, if it has one. */
function runs(step: StoredStep, automata: ReadonlySet<number>): boolean {
  const value = step.op === 'automaton' ? step.value : undefined;
  return value?.op !== 'automaton' || automata.has(value.automaton);
}

function entriesOf({ id, steps, splits }: ProgramImage): Operation[] {
  const slots = [...splits].flatMap(([splitId, table]) => table.map((_, index): Operation => ({ op: 'delete', map: 'km_split', key: { splitId, index } })));
  return [...Array.from({ length: steps.length }, (_, index): Operation => ({ op: 'delete', map: 'km_step', key: { program: id, index } })), ...slots];
}

/** Domains by table and by virtual host. */
function domainsByTable({ routes, domains }: MapContents, orphans: Operation[]): Map<number, Map<number, HostDomain[]>> {
  const tables = new Map(routes.map(({ id }) => [id, new Map<number, HostDomain[]>()]));
  for (const { key, vhost } of domains) {
    const table = tables.get(key.routes);
    if (table) addTo(table, vhost, key);
    else orphans.push({ op: 'delete', map: mapOf(key), key });
  }
  for (const { id, value } of routes) if (value.any !== 0) addTo(tables.get(id)!, value.any, { kind: 'any', text: '' });
  return tables;
}

const mapOf = ({ kind }: DomainRecordKey): 'km_domain' | 'km_wild' => (kind === 'exact' ? 'km_domain' : 'km_wild');
