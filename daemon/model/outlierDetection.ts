// SPDX-License-Identifier: Apache-2.0
import type { OutlierDetection as OutlierProto } from '../proto/envoy/config/cluster/v3/outlier_detection.js';
import { milliseconds } from './duration.js';
import type { Host } from './hosts.js';
import type { Findings } from './notEnforced.js';
import { endpointKey } from './outliers.js';
import type { OutlierDetection, OutlierRule } from './outliers.js';

/** Envoy's defaults (envoy/config/cluster/v3/outlier_detection.proto). */
const FAILURES = 5;
const INTERVAL_MS = 10_000;
const BASE_MS = 30_000;
const MOST_MS = 300_000;
const MOST_PERCENT = 10;

/**
 * What of a cluster's outlier detection goes by connects that fail. To Envoy's TCP proxy such a connect is an error of local origin, and where these are not
 * told from others, a 503: an error of a server, and of a gateway (source/common/upstream/outlier_detection_impl.cc). Lists what goes by answers.
 */
export function outlierDetectionOf(proto: OutlierProto | undefined, hosts: readonly Host[], ejected: ReadonlySet<string> | undefined, findings: Findings): OutlierDetection | undefined {
  if (!proto) return undefined;
  listAnswers(proto, findings);
  const rule = (failures: number | undefined, percent: number): OutlierRule => ({ failures: failures ?? FAILURES, percent });
  const rules = proto.splitExternalLocalOriginErrors
    ? [rule(proto.consecutiveLocalOriginFailure, proto.enforcingConsecutiveLocalOriginFailure ?? 100)]
    : [rule(proto.consecutive5xx, proto.enforcingConsecutive5xx ?? 100), rule(proto.consecutiveGatewayFailure, proto.enforcingConsecutiveGatewayFailure ?? 0)];
  const enforced = rules.filter(({ failures, percent }) => failures > 0 && percent > 0);
  if (enforced.length === 0) return undefined;
  const baseMs = milliseconds(proto.baseEjectionTime) ?? BASE_MS;
  return {
    rules: enforced,
    hosts: hosts.length,
    gone: goneOf(hosts, ejected),
    intervalMs: milliseconds(proto.interval) ?? INTERVAL_MS,
    baseMs,
    mostMs: Math.max(baseMs, milliseconds(proto.maxEjectionTime) ?? MOST_MS),
    jitterMs: milliseconds(proto.maxEjectionTimeJitter) ?? 0,
    mostPercent: Math.min(100, proto.maxEjectionPercent ?? MOST_PERCENT),
    alwaysOne: proto.alwaysEjectOneHost ?? false,
  };
}

function listAnswers(proto: OutlierProto, findings: Findings): void {
  const answers = [proto.enforcingConsecutive5xx ?? 100, proto.enforcingConsecutiveGatewayFailure ?? 0, proto.enforcingSuccessRate ?? 100, proto.enforcingFailurePercentage ?? 0];
  const rates = proto.splitExternalLocalOriginErrors ? [proto.enforcingLocalOriginSuccessRate ?? 100, proto.enforcingFailurePercentageLocalOrigin ?? 0] : [];
  if (![...answers, ...rates].some((percent) => percent > 0) && proto.monitors.length === 0) return;
  findings.once('outlier_detection', 'outlierDetection', 'endpoints are ejected when connects in a row fail; answers of servers and rates of success are not looked at');
}

const keysOf = ({ addresses }: Host): string[] => Object.values(addresses).map(({ ip, port }) => endpointKey({ address: ip.text, port }));

function goneOf(hosts: readonly Host[], ejected: ReadonlySet<string> | undefined): readonly string[] {
  if (!ejected) return [];
  const gone = new Set(ejected);
  for (const host of hosts) for (const key of keysOf(host)) gone.delete(key);
  return [...gone];
}

/** The hosts, with those that are ejected as unhealthy ones. */
export function withoutEjected(hosts: readonly Host[], ejected: ReadonlySet<string> | undefined): readonly Host[] {
  if (!ejected) return hosts;
  const isEjected = (host: Host): boolean => keysOf(host).some((key) => ejected.has(key));
  return hosts.map((host) => (isEjected(host) ? { ...host, health: 'unhealthy' } : host));
}
