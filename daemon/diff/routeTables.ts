// SPDX-License-Identifier: Apache-2.0
import type { HostDomain, RoutedHost, RouteTable } from '../model/routeTable.js';
import { whole } from '../model/slices.js';
import type { Slices } from '../model/slices.js';
import type { RouteTableImage, VhostImage } from './image.js';
import { storedName } from './names.js';
import { planProgram, programWithoutClusters, removeProgram, type ProgramWork } from './programs.js';

/**
 * Plans a route table that is new (`before` undefined) or may have changed. While its operations are carried out, each
 * request comes to the virtual host and the routes of the old table or of the new one, never to a mix of them:
 *
 * - Where all domains stay with their virtual hosts, a virtual host changes by taking another program.
 * - Where one moves, a virtual host that changes is written beside the old one, and its domains move there one by one.
 * - Domains are written in the order in which they are looked up, and removed in reverse.
 */
export function* planRouteTable(work: ProgramWork, before: RouteTableImage | undefined, table: RouteTable, name: string): Slices<RouteTableImage> {
  const id = before?.id ?? work.ids.take('routes');
  if (!before) work.schedule.name({ kind: 'routes', id }, name);
  const hosts = yield* namedHosts(table);
  const inPlace = before !== undefined && sameDomains(before, hosts);
  const vhosts = new Map<string, VhostImage>();
  for (const [key, host] of hosts) {
    vhosts.set(key, planVhost(work, before?.vhosts.get(key), host, key, inPlace));
    yield;
  }
  const roomless = [...vhosts.values()].some(({ program }) => program.roomless.length > 0);
  const after = { id, ignorePort: table.ignorePort, vhosts, roomless, source: table };
  if (!inPlace) yield* planDomains(work, before, after);
  const kept = new Set([...vhosts.values()].map((vhost) => vhost.id));
  for (const vhost of before?.vhosts.values() ?? []) if (!kept.has(vhost.id)) removeVhost(work, vhost);
  return after;
}

/** Plans the removal of a table that no frontend leads to any more. */
export function planRouteTableRemoval(work: ProgramWork, before: RouteTableImage): void {
  work.schedule.removeRoutes(before.id);
  for (const { domain } of whole(domainsOf(before)).values()) if (domain.kind !== 'any') work.schedule.removeOldDomain({ routes: before.id, kind: domain.kind, text: domain.text });
  for (const vhost of before.vhosts.values()) removeVhost(work, vhost);
  work.schedule.removeName({ kind: 'routes', id: before.id });
}

/** Plans that a table that stays as it is leads to no cluster that goes. */
export function routeTableWithoutClusters(work: ProgramWork, before: RouteTableImage, gone: ReadonlySet<number>): RouteTableImage {
  const vhosts = new Map(before.vhosts);
  for (const [key, vhost] of before.vhosts) {
    const program = programWithoutClusters(work, vhost.program, gone);
    if (program.id !== vhost.program.id) work.schedule.vhost(vhost.id, { program: program.id, n: program.steps.length });
    vhosts.set(key, { ...vhost, program });
  }
  return { ...before, vhosts };
}

/** A virtual host with the domains that are its own. */
type NamedHost = Pick<RoutedHost, 'domains' | 'program'>;

/**
 * Virtual hosts by stored name, which begins with that of the table. A domain that several have is the first one's, and
 * who has none is left out. Names are unique in a RouteConfiguration; where they are not, the later ones are numbered.
 */
function* namedHosts({ name: table, virtualHosts }: RouteTable): Slices<Map<string, NamedHost>> {
  const named = new Map<string, NamedHost>();
  const taken = new Set<string>();
  /** The next number of a name that is there already. */
  const numbers = new Map<string, number>();
  for (const { name, domains, program } of virtualHosts) {
    const own = domains.filter((domain) => !taken.has(keyOf(domain)));
    for (const domain of own) taken.add(keyOf(domain));
    yield;
    if (own.length === 0) continue;
    let key = storedName(`${table} ${name}`);
    let n = numbers.get(name) ?? 2;
    for (; named.has(key); n += 1) key = storedName(`${table} ${name} (${n})`);
    if (n > 2) numbers.set(name, n);
    named.set(key, { domains: own.length === domains.length ? domains : own, program });
  }
  return named;
}

function planVhost(work: ProgramWork, before: VhostImage | undefined, host: NamedHost, key: string, inPlace: boolean): VhostImage {
  const program = planProgram(work, before?.program, host.program, inPlace);
  if (before?.program.id === program.id) return { ...before, domains: host.domains, program };
  const id = before && inPlace ? before.id : work.ids.take('vhost');
  if (id !== before?.id) work.schedule.name({ kind: 'vhost', id }, key);
  else removeProgram(work, before.program);
  work.schedule.vhost(id, { program: program.id, n: program.steps.length });
  return { id, domains: host.domains, program };
}

function removeVhost(work: ProgramWork, { id, program }: VhostImage): void {
  work.schedule.removeVhost(id);
  work.schedule.removeName({ kind: 'vhost', id });
  removeProgram(work, program);
}

interface OwnedDomain {
  readonly domain: HostDomain;
  readonly vhost: number;
}

const keyOf = ({ kind, text }: HostDomain): string => `${kind} ${text}`;

function* domainsOf(table: Pick<RouteTableImage, 'vhosts'> | undefined): Slices<Map<string, OwnedDomain>> {
  const owned = new Map<string, OwnedDomain>();
  for (const { id, domains } of table?.vhosts.values() ?? []) {
    for (const domain of domains) owned.set(keyOf(domain), { domain, vhost: id });
    yield;
  }
  return owned;
}

/** Whether all domains stay with the virtual hosts of the same names, and no others come. */
function sameDomains(before: RouteTableImage, hosts: ReadonlyMap<string, NamedHost>): boolean {
  const same = (known: readonly HostDomain[] | undefined, wanted: readonly HostDomain[]): boolean => {
    if (known === wanted) return true;
    if (known?.length !== wanted.length) return false;
    const keys = new Set(known.map(keyOf));
    return wanted.every((domain) => keys.has(keyOf(domain)));
  };
  return before.vhosts.size === hosts.size && [...hosts].every(([key, { domains }]) => same(before.vhosts.get(key)?.domains, domains));
}

const ANY = keyOf({ kind: 'any', text: '' });

/** The order in which domains are looked up: the first that matches a host is its virtual host. */
const RANK = { exact: 0, suffix: 1, prefix: 2, any: 3 } as const;

/** By kind, and in a kind the longer first: put into classes, since a table has more domains than can be sorted at one go. */
function* inOrderOfLookup(domains: Iterable<OwnedDomain>): Slices<OwnedDomain[]> {
  const classes = new Map<number, OwnedDomain[]>();
  for (const owned of domains) {
    const { kind, text } = owned.domain;
    const place = RANK[kind] * LONGEST_TEXT - Math.min(text.length, LONGEST_TEXT - 1);
    const others = classes.get(place);
    if (others) others.push(owned);
    else classes.set(place, [owned]);
    yield;
  }
  return [...classes].sort(([a], [b]) => a - b).flatMap(([, members]) => members);
}

/** More than any domain has that finds room in a map. */
const LONGEST_TEXT = 1 << 16;

function* planDomains({ schedule }: ProgramWork, before: RouteTableImage | undefined, after: RouteTableImage): Slices<void> {
  const [old, wanted] = [yield* domainsOf(before), yield* domainsOf(after)];
  for (const { domain, vhost } of yield* inOrderOfLookup(wanted.values())) {
    if (domain.kind !== 'any' && old.get(keyOf(domain))?.vhost !== vhost) schedule.domain({ routes: after.id, kind: domain.kind, text: domain.text }, vhost);
    yield;
  }
  const any = wanted.get(ANY)?.vhost ?? 0;
  const record = { any, ignorePort: after.ignorePort };
  if (!before || (any !== 0 && any !== old.get(ANY)?.vhost)) schedule.routes(after.id, record);
  else if (any === 0 && old.has(ANY)) schedule.withdrawAny(after.id, record);
  const gone = [...old.values()].filter(({ domain }) => domain.kind !== 'any' && !wanted.has(keyOf(domain)));
  for (const { domain } of (yield* inOrderOfLookup(gone)).reverse()) {
    if (domain.kind !== 'any') schedule.removeDomain({ routes: after.id, kind: domain.kind, text: domain.text });
  }
}
