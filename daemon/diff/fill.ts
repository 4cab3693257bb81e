// SPDX-License-Identifier: Apache-2.0
import type { FrontendImage, Image, RouteTableImage } from './image.js';
import type { MapName } from './operations.js';

/** Entries of the maps that grow with the configuration. Of what nothing leads to, until it is swept, nothing is counted. */
export type Fill = Readonly<Record<Exclude<MapName, 'km_listener_state' | 'km_cluster_state' | 'km_endpoint_state'>, number>>;

/** How many entries the maps of a picture have. */
export function fillOf({ frontends, listeners, clusters, routeTables, automata }: Image): Fill {
  const hosts = [...routeTables.values()].flatMap(({ vhosts }) => [...vhosts.values()]);
  const domains = hosts.flatMap((host) => host.domains).map(({ kind }) => kind);
  const exact = domains.filter((kind) => kind === 'exact').length;
  const any = domains.filter((kind) => kind === 'any').length;
  const whole = [...frontends.values()].filter(isWhole).length;
  return {
    km_listener: whole,
    km_prefix: frontends.size - whole,
    km_split: splits(frontends.values()) + splitsOfRoutes(routeTables.values()),
    km_cluster: clusters.size,
    km_slot: total(clusters.values(), ({ slots4, slots6 }) => slots4.length + slots6.length),
    km_routes: routeTables.size,
    km_domain: exact,
    km_wild: domains.length - exact - any,
    km_vhost: hosts.length,
    km_step: total(hosts, ({ program }) => program.steps.length),
    km_automaton: automata.size,
    km_name: listeners.size + clusters.size + routeTables.size + hosts.length,
  };
}

/** Whether steps wait for room that is there by now: what they were to take the place of went behind them. */
export const automataFindRoom = ({ automata, routeTables }: Pick<Image, 'automata' | 'routeTables'>, most: number): boolean =>
  automata.size < most && [...routeTables.values()].some(({ roomless }) => roomless);

const isWhole = ({ key }: FrontendImage): boolean => key.prefixLength === (key.family === 4 ? 32 : 128);

const splits = (frontends: Iterable<FrontendImage>): number => total(frontends, ({ split }) => split.length);

const splitsOfRoutes = (tables: Iterable<RouteTableImage>): number => total(tables, ({ vhosts }) => total(vhosts.values(), ({ program }) => total(program.splits.values(), (slots) => slots.length)));

function total<T>(items: Iterable<T>, count: (item: T) => number): number {
  let sum = 0;
  for (const item of items) sum += count(item);
  return sum;
}
