// SPDX-License-Identifier: Apache-2.0
import { Resolver, lookup as systemLookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';

/** What is known of a host name. */
export interface Found {
  /** Of both families; at least one. */
  readonly addresses: readonly string[];
  /** The shortest lifetime of the records that they come from, in milliseconds; undefined where it is not told. */
  readonly ttlMs: number | undefined;
}

/** @param ttl whether the lifetime is wanted. Rejects when there is no address. */
export type Lookup = (name: string, ttl: boolean) => Promise<Found>;

export interface NameSources {
  /** Names that are in this file are no matter of the name servers (hosts(5)). */
  readonly hostsFile: string;
  /** `address:port`; undefined: those of the node (resolv.conf(5)). */
  readonly servers: readonly string[] | undefined;
}

const NODE: NameSources = { hostsFile: '/etc/hosts', servers: undefined };

/** Two attempts of so many milliseconds for each server. */
const ATTEMPT = { timeout: 2000, tries: 2 };

/**
 * Addresses of host names. getaddrinfo(3) knows everything that the node knows of a name, but tells no lifetime; name servers tell
 * it, but know nothing of the hosts file and of the search list. So they are asked only where a lifetime is wanted, for names that are not
 * in the file, and getaddrinfo has the word where they know no such name or do not answer.
 */
export function nameLookup({ hostsFile, servers }: NameSources = NODE): Lookup {
  return async (name, ttl) => {
    const found = ttl && !(await isInFile(hostsFile, name)) ? await askServers(name, servers) : undefined;
    return found ?? { addresses: (await systemLookup(name, { all: true })).map(({ address }) => address), ttlMs: undefined };
  };
}

/** Reads resolv.conf anew each time: it changes while the daemon runs. @returns undefined: they know no address, or did not answer for both families. */
async function askServers(name: string, servers: readonly string[] | undefined): Promise<Found | undefined> {
  const resolver = new Resolver(ATTEMPT);
  if (servers) resolver.setServers(servers);
  const families = await Promise.allSettled([resolver.resolve4(name, { ttl: true }), resolver.resolve6(name, { ttl: true })]);
  if (families.some((family) => family.status === 'rejected' && !KNOWS_NONE.has((family.reason as NodeJS.ErrnoException).code))) return undefined;
  const records = families.flatMap((family) => (family.status === 'fulfilled' ? family.value : []));
  if (records.length === 0) return undefined;
  return { addresses: records.map(({ address }) => address), ttlMs: 1000 * Math.min(...records.map(({ ttl }) => ttl)) };
}

/** No record of this family; no such name. */
const KNOWS_NONE: ReadonlySet<string | undefined> = new Set(['ENODATA', 'ENOTFOUND']);

async function isInFile(file: string, name: string): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const wanted = plain(name);
  return text.split('\n').some((line) => line.replace(/#.*/, '').trim().split(/\s+/).slice(1).some((one) => plain(one) === wanted));
}

const plain = (name: string): string => name.toLowerCase().replace(/\.$/, '');
