// SPDX-License-Identifier: Apache-2.0
import { FilterChainMatch_ConnectionSourceType } from '../proto/envoy/config/listener/v3/listener_components.js';
import type { FilterChain, FilterChainMatch } from '../proto/envoy/config/listener/v3/listener_components.js';
import { addressBits, maskIp, parseIp } from './address.js';
import type { Ip } from './address.js';
import type { Findings } from './notEnforced.js';
import type { Family } from './types.js';

/** A chain with its place in the listener. */
export interface PlacedChain {
  readonly chain: FilterChain;
  readonly path: string;
}

/** Chains that match the same range of destination addresses. */
export interface RangeChains {
  readonly network: Ip;
  readonly prefixLength: number;
  readonly chains: PlacedChain[];
}

/**
 * The parts of a match that are not known at connect(): a chain with one of them may or may not be the one that a
 * proxy would take.
 */
export function unknowable(match: FilterChainMatch | undefined): string[] {
  if (!match) return [];
  const features: string[] = [];
  if (match.serverNames.length > 0) features.push('server_names');
  if (match.transportProtocol !== '') features.push('transport_protocol');
  if (match.applicationProtocols.length > 0) features.push('application_protocols');
  if (match.sourcePrefixRanges.length > 0) features.push('source_prefix_ranges');
  if (match.directSourcePrefixRanges.length > 0) features.push('direct_source_prefix_ranges');
  if (match.sourcePorts.length > 0) features.push('source_ports');
  if (match.sourceType !== FilterChainMatch_ConnectionSourceType.ANY) features.push('source_type');
  return features;
}

/** Parts that tell clients apart, not what they say. */
const SOURCES = new Set(['source_prefix_ranges', 'direct_source_prefix_ranges', 'source_ports', 'source_type']);

/**
 * The chain that a proxy takes for an HTTP/1 request in plain text, of those that match its destination: such a connection has
 * no server name; the chains that name its protocols come before those that name none (FilterChainMatch in
 * envoy/config/listener/v3/listener_components.proto). 'unknown' where the client's address decides.
 */
export function forPlainRequest(chains: readonly PlacedChain[]): PlacedChain | 'none' | 'unknown' {
  const matchOf = ({ chain }: PlacedChain): FilterChainMatch | undefined => chain.filterChainMatch;
  const unnamed = chains.filter((chain) => !matchOf(chain)?.serverNames.length);
  const transport = firstOrOthers(unnamed, (chain) => matchOf(chain)?.transportProtocol === 'raw_buffer', (chain) => !matchOf(chain)?.transportProtocol);
  const protocols = (chain: PlacedChain): readonly string[] => matchOf(chain)?.applicationProtocols ?? [];
  const application = firstOrOthers(transport, (chain) => protocols(chain).includes('http/1.1'), (chain) => protocols(chain).length === 0);
  if (application.length === 0) return 'none';
  return application.find((chain) => !unknowable(matchOf(chain)).some((part) => SOURCES.has(part))) ?? 'unknown';
}

function firstOrOthers<T>(items: readonly T[], first: (item: T) => boolean, others: (item: T) => boolean): T[] {
  const found = items.filter(first);
  return found.length > 0 ? found : items.filter(others);
}

/** Whether a chain asks for no more than a protocol without TLS. */
export function isForPlainText({ chain: { filterChainMatch } }: PlacedChain): boolean {
  const transport = filterChainMatch?.transportProtocol ?? '';
  return (transport === '' || transport === 'raw_buffer') && unknowable(filterChainMatch).every((part) => part === 'transport_protocol' || part === 'application_protocols');
}

/** Chains by the destination port that they name; undefined: none. */
export function chainsByPort(chains: readonly PlacedChain[]): ReadonlyMap<number | undefined, readonly PlacedChain[]> {
  const byPort = new Map<number | undefined, PlacedChain[]>();
  for (const placed of chains) {
    const port = placed.chain.filterChainMatch?.destinationPort;
    const others = byPort.get(port);
    if (others) others.push(placed);
    else byPort.set(port, [placed]);
  }
  return byPort;
}

/** Chains by range of destination address, in one family. The most specific range wins, without going back. */
export class RangeTable {
  readonly #ranges = new Map<string, RangeChains>();
  readonly #lengths: number[];

  constructor(chains: readonly PlacedChain[], family: Family, findings: Findings) {
    for (const placed of chains) {
      for (const { network, prefixLength } of rangesOf(placed, family, findings)) {
        const key = `${network.text}/${prefixLength}`;
        const range = this.#ranges.get(key) ?? { network, prefixLength, chains: [] };
        range.chains.push(placed);
        this.#ranges.set(key, range);
      }
    }
    this.#lengths = [...new Set([...this.#ranges.values()].map(({ prefixLength }) => prefixLength))].sort((a, b) => b - a);
  }

  get ranges(): Iterable<RangeChains> {
    return this.#ranges.values();
  }

  find(ip: Ip): RangeChains | undefined {
    for (const length of this.#lengths) {
      const range = this.#ranges.get(`${maskIp(ip, length).text}/${length}`);
      if (range) return range;
    }
    return undefined;
  }
}

function rangesOf({ chain, path }: PlacedChain, family: Family, findings: Findings): { network: Ip; prefixLength: number }[] {
  const prefixRanges = chain.filterChainMatch?.prefixRanges ?? [];
  if (prefixRanges.length === 0) return [{ network: unspecified(family), prefixLength: 0 }];
  return prefixRanges.flatMap(({ addressPrefix, prefixLen }) => {
    const ip = parseIp(addressPrefix);
    const length = prefixLen ?? 0;
    if (!ip || length > addressBits(ip.family)) {
      findings.once('filter_chain_match.prefix_ranges', path, `${addressPrefix}/${length} is not a range of addresses: left out`);
      return [];
    }
    return ip.family === family ? [{ network: maskIp(ip, length), prefixLength: length }] : [];
  });
}

/** 0.0.0.0 or ::. */
export const unspecified = (family: Family): Ip => parseIp(family === 4 ? '0.0.0.0' : '::')!;
