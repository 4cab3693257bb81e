// SPDX-License-Identifier: Apache-2.0
/** What the kernel's maps on the node mean, by the daemon's page that shows them. */
import { ask } from '../kmesh.js';
import type { Meaning, Shares } from './meaning.js';

interface Slot {
  readonly cluster: string;
  readonly endpoint: string;
  readonly alias: string;
  /** Of 2^32 draws, those that take `endpoint`; all when it is 0xffffffff (struct km_slot). */
  readonly threshold: number;
}

interface MapsView {
  readonly frontends: readonly { readonly address: string; readonly cluster?: string; readonly clusters?: readonly { readonly cluster: string; readonly percent: number }[] }[];
  readonly slots: readonly Slot[];
}

const isIPv6 = (at: string): boolean => at.startsWith('[');

/** @param isService which addresses are looked at, with their ports */
export function readMaps(pod: string, isService: (address: string) => boolean): Meaning {
  const { frontends, slots } = ask<MapsView>(pod, 15200, '/bpf/kmesh/maps');
  const byCluster = new Map<string, Slot[]>();
  for (const slot of slots) byCluster.set(slot.cluster, [...(byCluster.get(slot.cluster) ?? []), slot]);
  const shares = (cluster: string, ipv6: boolean): Shares => sharesOf((byCluster.get(cluster) ?? []).filter(({ endpoint }) => isIPv6(endpoint) === ipv6));
  const meaning = new Map<string, Shares>();
  for (const { address, cluster, clusters } of frontends) {
    if (!isService(address)) continue;
    const arms = clusters ?? (cluster === undefined ? [] : [{ cluster, percent: 100 }]);
    const sum: Record<string, number> = {};
    for (const arm of arms) for (const [endpoint, share] of Object.entries(shares(arm.cluster, isIPv6(address)))) sum[endpoint] = (sum[endpoint] ?? 0) + (share * arm.percent) / 100;
    meaning.set(address, sum);
  }
  return meaning;
}

function sharesOf(slots: readonly Slot[]): Shares {
  const shares: Record<string, number> = {};
  for (const { endpoint, alias, threshold } of slots) {
    const part = threshold === 0xffffffff ? 1 : threshold / 2 ** 32;
    shares[endpoint] = (shares[endpoint] ?? 0) + part / slots.length;
    if (part < 1) shares[alias] = (shares[alias] ?? 0) + (1 - part) / slots.length;
  }
  return shares;
}
