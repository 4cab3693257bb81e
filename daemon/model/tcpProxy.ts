// SPDX-License-Identifier: Apache-2.0
import type { TcpProxy } from '../proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import { proxyHashesBySource } from './hashPolicy.js';
import type { Findings } from './notEnforced.js';
import { NO_HASH } from './routeFeatures.js';
import { PASS, weightedTarget } from './target.js';
import type { Target } from './types.js';

/** Where a TCP proxy leads. Left out, because they do not change that: access logs and statistics. */
export function tcpTarget(config: TcpProxy, path: string, findings: Findings): Target {
  const list = (asked: unknown, feature: string, reason: string): void => {
    if (asked) findings.once(feature, path, reason);
  };
  list(config.tunnelingConfig, 'tunneling', 'connections are not put into an HTTP tunnel: they go to the endpoint as they are');
  list(config.idleTimeout ?? config.downstreamIdleTimeout ?? config.upstreamIdleTimeout, 'idle_timeout', 'idle connections are not closed by the node');
  list(config.maxDownstreamConnectionDuration, 'max_connection_duration', 'connections are not closed after a time');
  list((config.maxConnectAttempts ?? 1) > 1, 'max_connect_attempts', 'a connect() that fails is not tried again with another endpoint: the client sees the error');
  list(config.hashPolicy.length > 0 && !proxyHashesBySource(config), 'hash_policy', NO_HASH);
  const arms = config.clusterSpecifier?.$case === 'weightedClusters' ? config.clusterSpecifier.value.clusters : [];
  list(config.metadataMatch ?? arms.some(({ metadataMatch }) => metadataMatch), 'metadata_match', 'endpoints are not chosen by metadata: all are balanced');
  list(config.onDemand, 'on_demand', 'clusters are not asked for when a connection needs them');
  const specifier = config.clusterSpecifier;
  if (specifier?.$case === 'cluster') return { kind: 'cluster', cluster: specifier.value };
  if (specifier?.$case === 'weightedClusters') return weightedTarget(arms.map(({ name, weight }) => ({ cluster: name, weight })));
  findings.once('network_filter', path, 'the TCP proxy names no cluster: connections go on to their original address');
  return PASS;
}
