// SPDX-License-Identifier: Apache-2.0
import type { FilterChain, ListenerFilter } from '../proto/envoy/config/listener/v3/listener_components.js';
import type { TcpProxy } from '../proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import type { HttpConnectionManager, HttpFilter } from '../proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { innerMessageName, messageName, openTerminal } from './any.js';
import type { Findings } from './notEnforced.js';

/** Filters whose loss changes what is allowed or what fails have features of their own. */
const FEATURES: readonly (readonly [RegExp, string])[] = [
  [/rbac/i, 'rbac'],
  [/fault/i, 'fault'],
  [/jwt_?authn/i, 'jwt_authn'],
  [/ext_?authz/i, 'ext_authz'],
  [/rate_?limit/i, 'rate_limit'],
  [/cors/i, 'cors'],
  [/wasm/i, 'wasm'],
  [/lua/i, 'lua'],
];

/** Filters that only observe, or that do nothing but what a route or the next filter tells them. */
const SILENT = /(metadata_?exchange|stats|alpn|\.router|\.cors|http_inspector|tls_inspector|original_dst|forward_downstream_sni|grpc_web)/i;

/** Stable identifier of a filter by its name or type; `other` for those without a feature of their own. */
export const filterFeature = (name: string, other: string): string => FEATURES.find(([pattern]) => pattern.test(name))?.[1] ?? other;

export type Terminal =
  | { readonly kind: 'tcp'; readonly config: TcpProxy }
  | { readonly kind: 'http'; readonly config: HttpConnectionManager }
  | { readonly kind: 'none' };

/** What the last filter of a chain does; lists the other filters that are more than observers. */
export function terminalOf(chain: FilterChain, path: string, findings: Findings): Terminal {
  const last = chain.filters.at(-1);
  for (const [i, filter] of chain.filters.slice(0, -1).entries()) {
    const any = filter.configType?.$case === 'typedConfig' ? filter.configType.value : undefined;
    listFilter(filter.name, any && innerMessageName(any), 'network_filter', `${path}.filters[${i}]`, findings);
  }
  const any = last?.configType?.$case === 'typedConfig' ? last.configType.value : undefined;
  const terminal = any && openTerminal(any);
  if (terminal && terminal.kind !== 'broken') return terminal;
  const what = terminal ? terminal.problem : last ? `${last.name} (${any ? messageName(any) : 'no inline configuration'})` : 'no filter';
  findings.once('network_filter', path, `the chain ends in ${what}, which is not known: connections go on to their original address`);
  return { kind: 'none' };
}

/** Lists HTTP filters that would change or refuse requests. */
export function listHttpFilters(filters: readonly HttpFilter[], path: string, findings: Findings): void {
  for (const [i, filter] of filters.entries()) {
    if (filter.disabled) continue;
    const any = filter.configType?.$case === 'typedConfig' ? filter.configType.value : undefined;
    // A fault filter without settings of its own waits for those of a route.
    if ((!filter.configType || any?.value.length === 0) && filterFeature(filter.name, '') === 'fault') continue;
    listFilter(filter.name, any && innerMessageName(any), 'http_filter', `${path}.httpFilters[${i}]`, findings);
  }
}

export function listListenerFilters(filters: readonly ListenerFilter[], findings: Findings): void {
  for (const [i, { name }] of filters.entries()) listFilter(name, undefined, 'listener_filter', `listenerFilters[${i}]`, findings);
}

function listFilter(name: string, type: string | undefined, other: string, path: string, findings: Findings): void {
  const known = type ?? name;
  if (SILENT.test(name) || SILENT.test(known)) return;
  findings.once(filterFeature(`${name} ${known}`, other), path, `filter ${name} does not run: connections go through without it`);
}
