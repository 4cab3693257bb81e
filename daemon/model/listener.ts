// SPDX-License-Identifier: Apache-2.0
import type { Listener } from '../proto/envoy/config/listener/v3/listener.js';
import { TrafficDirection } from '../proto/envoy/config/core/v3/base.js';
import { addressBits, isUnspecified } from './address.js';
import type { Ip } from './address.js';
import { ChainDecisions } from './chainDecision.js';
import type { Decision, Lookups } from './chainDecision.js';
import { chainsByPort, RangeTable, unspecified } from './chainMatch.js';
import type { PlacedChain, RangeChains } from './chainMatch.js';
import { listListenerFilters } from './filters.js';
import type { Findings } from './notEnforced.js';
import type { Routes } from './routes.js';
import type { RouteTable } from './routeTable.js';
import { LOOKS } from './slices.js';
import type { Slices } from './slices.js';
import { readAddress } from './socketAddress.js';
import { targetKey } from './target.js';
import { frontendKey } from './types.js';
import type { Frontend, Target } from './types.js';

/** A frontend, and whether its listener has that very address: then it wins over one of a wildcard listener. */
export interface ListenerFrontend {
  /** `frontendKey` of it. */
  readonly key: string;
  readonly frontend: Frontend;
  readonly exact: boolean;
  /** The one that the frontend names. */
  readonly table: RouteTable | undefined;
}

/** What was made of a listener. */
export interface ListenerParts {
  readonly frontends: readonly ListenerFrontend[];
  /** Route configurations that stand in it, by the name of their table. */
  readonly inline: ReadonlyMap<string, Routes>;
  /** Clusters that it reaches by a hash of the client's address, but for those of route tables by RDS. */
  readonly hashed: ReadonlySet<string>;
}

const NOTHING: ListenerParts = { frontends: [], inline: new Map(), hashed: new Set() };

interface Bind {
  readonly ip: Ip;
  readonly port: number;
}

/** Istio's listeners for redirected connections; older istiods say so by these names only. */
const VIRTUAL_INBOUND = 'virtualInbound';
const VIRTUAL_OUTBOUND = 'virtualOutbound';

const takesRedirected = (listener: Listener): boolean => listener.useOriginalDst ?? listener.name === VIRTUAL_OUTBOUND;

/** The frontends of one listener: what connections to its addresses come to. A wildcard listener has one for each address of its route table. */
export function* buildListener(listener: Listener, lookups: Lookups, findings: Findings): Slices<ListenerParts> {
  if (listener.trafficDirection === TrafficDirection.INBOUND || listener.name === VIRTUAL_INBOUND) {
    findings.add('inbound_listener', '', 'connections that come to a pod are not handled: they arrive as they were sent');
    return NOTHING;
  }
  if (listener.listenerSpecifier) {
    findings.add('internal_listener', '', 'a listener inside Envoy (a tunnel) has no address that a connect() can name');
    return NOTHING;
  }
  if (listener.apiListener && !listener.address) {
    findings.add('api_listener', '', 'it has no address: nothing is steered by it');
    return NOTHING;
  }
  listListenerFilters(listener.listenerFilters, findings);
  const chains = listener.filterChains.map((chain, i) => ({ chain, path: `filterChains[${i}]` }));
  const decisions = new ChainDecisions(listener, lookups, findings);
  if (takesRedirected(listener)) listUnmatched(decisions, chains, findings);
  const frontends: ListenerFrontend[] = [];
  for (const bind of bindsOf(listener, findings)) yield* addFrontends(frontends, listener, bind, { chains, decisions, findings });
  return { frontends, inline: decisions.inline, hashed: decisions.hashed };
}

/** Addresses that the listener is bound to. */
function bindsOf(listener: Listener, findings: Findings): Bind[] {
  const addresses = [listener.address, ...listener.additionalAddresses.map(({ address }) => address)];
  return addresses.flatMap((address, i) => {
    const path = i === 0 ? 'address' : `additionalAddresses[${i - 1}]`;
    const name = readAddress(address);
    if (name.kind === 'ip' && name.port > 0) {
      const both = name.ipv4Compat && name.ip.family === 6 && isUnspecified(name.ip);
      return both ? [name, { ip: unspecified(4), port: name.port }] : [name];
    }
    const problem = name.kind === 'unusable' ? name.problem : name.kind === 'host' ? `${name.host} is not an IP address` : 'port 0 is not one that is connected to';
    findings.once(name.kind === 'unusable' ? name.feature : 'address', path, `nothing is steered by this address: ${problem}`);
    return [];
  });
}

/**
 * A listener for redirected connections takes those that no other listener has. Those simply go on here, so
 * that is listed where the listener would do something else with them.
 */
function listUnmatched(decisions: ChainDecisions, chains: readonly PlacedChain[], findings: Findings): void {
  const decision = decisions.of(chains.filter(({ chain: { filterChainMatch: match } }) => match?.destinationPort === undefined && !match?.prefixRanges.length));
  if (decision.kind === 'http' || !decisions.passes(decision.target)) {
    findings.add('unmatched_traffic', '', 'connections to addresses that no listener has go on to their original address instead of this listener');
  }
}

interface Chains {
  readonly chains: readonly PlacedChain[];
  readonly decisions: ChainDecisions;
  readonly findings: Findings;
}

function* addFrontends(frontends: ListenerFrontend[], listener: Listener, bind: Bind, { chains, decisions, findings }: Chains): Slices<void> {
  const byPort = chainsByPort(chains);
  const ports = new Set([...byPort.keys()].filter((port) => port !== undefined));
  // The port of such a listener is where redirected connections arrive, not one that is asked for.
  if (takesRedirected(listener)) ports.delete(bind.port);
  else ports.add(bind.port);
  for (const port of ports) {
    yield;
    // Those that name the port; if none does, those that name none (Envoy's order of matches).
    const table = new RangeTable(byPort.get(port) ?? byPort.get(undefined) ?? [], bind.ip.family, findings);
    const at = new FrontendMaker(listener.name, port);
    if (isUnspecified(bind.ip)) yield* addWildcard(frontends, at, bind.ip, table, decisions);
    else frontends.push(exactFrontend(at, bind.ip, table, decisions));
  }
}

class FrontendMaker {
  readonly port: number;
  readonly #listener: string;

  constructor(listener: string, port: number) {
    this.#listener = listener;
    this.port = port;
  }

  frontend(ip: Ip, prefixLength: number, target: Target, { requests }: Decision, exact: boolean): ListenerFrontend {
    const table = requests && changes(requests, target) ? requests.table : undefined;
    const frontend = { family: ip.family, address: ip.text, prefixLength, port: this.port, listener: this.#listener, target, routes: table?.name };
    return { key: frontendKey(frontend), frontend, exact, table };
  }
}

/** Whether a request can come to something else than the default decision: only then it has to be waited for. */
function changes({ targets }: Routes, byDefault: Target): boolean {
  return targets.size > 1 || (targets.size === 1 && !targets.has(targetKey(byDefault)));
}

function exactFrontend(at: FrontendMaker, ip: Ip, table: RangeTable, decisions: ChainDecisions): ListenerFrontend {
  const decision = decisions.of(table.find(ip)?.chains ?? []);
  return at.frontend(ip, addressBits(ip.family), decisions.targetFor(decision, ip, at.port), decision, true);
}

/** One frontend for each range that chains name, one for the rest, and one for each address that a route table tells apart. */
function* addWildcard(frontends: ListenerFrontend[], at: FrontendMaker, any: Ip, table: RangeTable, decisions: ChainDecisions): Slices<void> {
  const ranges: RangeChains[] = [...table.ranges];
  let rest = ranges.find(({ prefixLength }) => prefixLength === 0);
  if (!rest) ranges.push((rest = { network: any, prefixLength: 0, chains: [] }));
  const rangeOf = (ip: Ip): RangeChains => table.find(ip) ?? rest;
  for (const range of ranges) {
    const decision = decisions.of(range.chains);
    frontends.push(at.frontend(range.network, range.prefixLength, decisions.targetOfRest(decision), decision, false));
    if (decision.kind !== 'http') continue;
    const { family } = range.network;
    let looked = 0;
    for (const { ip } of decisions.lookup(decision, at.port)?.addresses ?? []) {
      if ((looked += 1) % LOOKS === 0) yield;
      const inRange = ip.family === family && rangeOf(ip) === range;
      if (inRange) frontends.push(at.frontend(ip, addressBits(family), decisions.targetFor(decision, ip, at.port), decision, false));
    }
  }
}

