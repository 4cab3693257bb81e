// SPDX-License-Identifier: Apache-2.0
// A small mesh: the address 10.96.0.1:80, the cluster c behind it with the endpoints 10.0.0.1 and on.
import { HealthStatus } from '../../../daemon/proto/envoy/config/core/v3/health_check.js';
import type { Filter } from '../../../daemon/proto/envoy/config/listener/v3/listener_components.js';
import type { Route } from '../../../daemon/proto/envoy/config/route/v3/route_components.js';
import type { Connection } from '../../daemon/diff/connection.js';
import type { Request } from '../../daemon/model/routing/walk.js';
import { assignment, at, eds, http, lbEndpoint, listener, prefixRoute, routeTable, tcpTo, virtualHost } from '../../daemon/model/protos.js';
import type { Case, Expected } from '../case.js';

export const VIP = '10.96.0.1';
export const up = (n: number, weight?: number) => lbEndpoint(`10.0.0.${n}`, 80, HealthStatus.HEALTHY, weight);
export const down = (n: number) => lbEndpoint(`10.0.0.${n}`, 80, HealthStatus.UNHEALTHY);
export const e = (n: number): string => `10.0.0.${n}:80`;

/** A connection to the address, with a request or without. */
export const to = (address = VIP, port = 80, request?: Request): Connection => ({ address, port, ...(request && { request }) });

/** Each cluster of these names has one endpoint: a 10.1.0.1, b 10.1.0.2, ... */
export const NAMES = ['a', 'b', 'd', 'f'] as const;
export const address = (name: (typeof NAMES)[number]): string => `10.1.0.${NAMES.indexOf(name) + 1}:80`;
export const goes = (name: (typeof NAMES)[number]): Expected => ({ [address(name)]: 1 });
const named = {
  clusters: NAMES.map((name) => eds(name)),
  endpoints: NAMES.map((name, i) => assignment(name, { lbEndpoints: [lbEndpoint(`10.1.0.${i + 1}`, 80)] })),
};

/** A listener at the address that ends in this filter, or is more. */
export const vip = (filter: Filter, more: Parameters<typeof listener>[0] | object = {}) => listener({ name: 'l', address: at(VIP, 80), filterChains: [{ filters: [filter] }], ...more });

/** The address in front of the cluster c. */
export function service(more: Parameters<typeof eds>[1] = {}, ...localities: Parameters<typeof assignment>[1][]): Case['resources'] {
  return { listeners: [vip(tcpTo('c'))], clusters: [eds('c', more)], endpoints: [assignment('c', ...(localities.length > 0 ? localities : [{ lbEndpoints: [up(1), up(2)] }]))] };
}

export const withNamed = (resources: Case['resources']): Case['resources'] => ({
  ...resources,
  clusters: [...named.clusters, ...(resources.clusters ?? [])],
  endpoints: [...named.endpoints, ...(resources.endpoints ?? [])],
});

/** The address with a TCP proxy of this configuration to a. */
export const proxied = (filter: Filter): Case['resources'] => withNamed({ listeners: [vip(filter)] });

/** The address with the virtual host `h` of any host, and these routes. */
export function routed(routes: readonly Route[], host: object = {}, config: object = {}): Case['resources'] {
  const table = routeTable('r', [{ ...virtualHost(['*'], [...routes], 'h'), ...host }], config);
  return withNamed({ listeners: [vip(http({ routeSpecifier: { $case: 'rds', value: { routeConfigName: 'r' } } }))], routes: [table] });
}

/** A route that has this match goes to a, all others to b. */
export const matched = (match: object): Case['resources'] => routed([prefixRoute('/', 'a', { match }), prefixRoute('/', 'b')]);

/** What a route with this action asks for. */
export const acting = (action: object): Case['resources'] =>
  routed([prefixRoute('/', 'a', { action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: 'a' }, ...action } } })]);

/** The address with a connection manager that asks for this, in front of a route to a. */
export const managed = (config: object): Case['resources'] => withNamed({ listeners: [vip(http({ routeSpecifier: { $case: 'routeConfig', value: routeTable('', [virtualHost(['*'], [prefixRoute('/', 'a')], 'h')]) }, ...config }))] });

export const get = (path: string, headers: Record<string, string> = {}, host = 'h.example'): Connection => to(VIP, 80, { path, host, headers });
