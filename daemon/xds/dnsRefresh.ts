// SPDX-License-Identifier: Apache-2.0
import { milliseconds } from '../model/duration.js';
import type { Cluster } from '../proto/envoy/config/cluster/v3/cluster.js';

/** Envoy's default for Cluster.dns_refresh_rate. */
const REFRESH_MS = 5000;
/** Envoy's default for the longest wait after failures, in first waits (Cluster.RefreshRate.max_interval). */
const LONGEST_FAILURE = 10;
/** Records may say 0, and clusters a millisecond: names are not asked for more often than this. */
const LEAST_MS = 1000;
/** Records may say years; timers take 24 days. */
const MOST_MS = 3_600_000;
/** Part of a lifetime that is waited longer, at random: all nodes see a record of a caching server end in the same second. */
const JITTER = 0.1;

/** When a host name is looked up again, in milliseconds. Infinity: no cluster has it so. */
export interface DnsRefresh {
  /** After an answer, for clusters that look at no lifetime. */
  readonly fixedMs: number;
  /** After an answer without a lifetime, for clusters that go by it (`respect_dns_ttl`). */
  readonly withoutTtlMs: number;
  /** After failures: the first wait, doubled up to the last. */
  readonly failure: { readonly firstMs: number; readonly lastMs: number };
}

/** Cluster.dns_refresh_rate, dns_failure_refresh_rate and respect_dns_ttl. */
export function refreshOf({ dnsRefreshRate, dnsFailureRefreshRate, respectDnsTtl }: Cluster): DnsRefresh {
  const rate = bounded(milliseconds(dnsRefreshRate) ?? REFRESH_MS);
  const first = milliseconds(dnsFailureRefreshRate?.baseInterval);
  const last = milliseconds(dnsFailureRefreshRate?.maxInterval) ?? (first ?? 0) * LONGEST_FAILURE;
  return {
    fixedMs: respectDnsTtl ? Infinity : rate,
    withoutTtlMs: respectDnsTtl ? rate : Infinity,
    // Without a rate of their own, failures have that of answers.
    failure: first === undefined ? { firstMs: rate, lastMs: rate } : { firstMs: bounded(first), lastMs: bounded(Math.max(first, last)) },
  };
}

/** Of several clusters with one name the sooner counts. */
export function sooner(a: DnsRefresh, b: DnsRefresh): DnsRefresh {
  return {
    fixedMs: Math.min(a.fixedMs, b.fixedMs),
    withoutTtlMs: Math.min(a.withoutTtlMs, b.withoutTtlMs),
    failure: { firstMs: Math.min(a.failure.firstMs, b.failure.firstMs), lastMs: Math.min(a.failure.lastMs, b.failure.lastMs) },
  };
}

export const sameRefresh = (a: DnsRefresh, b: DnsRefresh): boolean =>
  a.fixedMs === b.fixedMs && a.withoutTtlMs === b.withoutTtlMs && a.failure.firstMs === b.failure.firstMs && a.failure.lastMs === b.failure.lastMs;

/** Whether somebody goes by the lifetime of the records. */
export const asksForTtl = ({ withoutTtlMs }: DnsRefresh): boolean => withoutTtlMs !== Infinity;

/** @param ttlMs the shortest lifetime of the records; undefined or 0: they have none. @param random from 0 up to 1. */
export function waitAfterAnswer({ fixedMs, withoutTtlMs }: DnsRefresh, ttlMs: number | undefined, random: number): number {
  const byTtl = withoutTtlMs === Infinity || !ttlMs ? withoutTtlMs : bounded(ttlMs * (1 + JITTER * random));
  return Math.min(fixedMs, byTtl);
}

/** @param failures in a row, at least one. @param random from 0 up to 1. */
export function waitAfterFailure({ failure: { firstMs, lastMs } }: DnsRefresh, failures: number, random: number): number {
  if (firstMs >= lastMs) return lastMs;
  const ceiling = Math.min(lastMs, firstMs * 2 ** (failures - 1));
  return bounded((ceiling / 2) * (1 + random));
}

const bounded = (ms: number): number => Math.min(Math.max(ms, LEAST_MS), MOST_MS);
