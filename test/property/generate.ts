// SPDX-License-Identifier: Apache-2.0
// Random resources over few names and addresses, so that they meet, and random connections to them.
import type { Resources } from '../../daemon/model/resources.js';
import { Cluster_DiscoveryType, Cluster_LbPolicy } from '../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import type { Cluster } from '../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { HealthStatus } from '../../daemon/proto/envoy/config/core/v3/health_check.js';
import type { Filter } from '../../daemon/proto/envoy/config/listener/v3/listener_components.js';
import type { Route } from '../../daemon/proto/envoy/config/route/v3/route_components.js';
import type { Connection } from '../daemon/diff/connection.js';
import { assignment, at, cluster, lbEndpoint, listener, prefixRoute, rds, resources, routeTable, tcp, tcpSplit, tcpTo } from '../daemon/model/protos.js';
import type { Choices } from './tape.js';

const CLUSTERS = ['c0', 'c1', 'c2', 'c3', 'PassthroughCluster', 'BlackHoleCluster', 'missing'];
const BINDS = ['10.96.0.1', '10.96.0.2', '0.0.0.0', 'fd00:96::1', '::'];
const ASKED = ['10.96.0.1', '10.96.0.2', '10.96.1.1', '192.0.2.1', '127.0.0.1', 'fd00:96::1', 'fd00:96::2', '::1'];
const PORTS = [80, 81];
const DOMAINS = ['*', 'a.example', '*.example', 'a.*', '10.96.0.1', '10.96.0.2:80', '10.96.0.1:81', '[fd00:96::2]:80'];
const HOSTS = ['a.example', 'b.example', 'A.EXAMPLE', 'a.other', 'x', '10.96.0.1', 'a.example:80'];
const PATHS = ['/', '/a', '/ab', '/a/b', '/b?q=1'];

export class Generator {
  readonly #choices: Choices;

  constructor(choices: Choices) {
    this.#choices = choices;
  }

  resources(): Resources {
    const clusters = CLUSTERS.filter((name) => name !== 'missing' && this.#below(5) > 0).map((name) => this.#cluster(name));
    const endpoints = clusters.filter(({ edsClusterConfig }) => edsClusterConfig && this.#below(6) > 0).map(({ name }) => this.#assignment(name));
    const routes = ['r0', 'r1'].filter(() => this.#below(5) > 0).map((name) => routeTable(name, this.#hosts(), { ignorePortInHostMatching: this.#below(4) === 0 }));
    const listeners = PORTS.flatMap((port) => BINDS.filter(() => this.#below(2) === 0).map((bind) => this.#listener(bind, port)));
    return resources({ clusters, endpoints, routes, listeners, resolved: { 'name.example': ['10.9.0.1', 'fd09::1'] } });
  }

  connection(): Connection {
    const request = this.#below(3) === 0 ? undefined : { method: this.#pick(['GET', 'PUT']), host: this.#pick(HOSTS), path: this.#pick(PATHS), headers: this.#below(2) === 0 ? {} : { x: this.#pick(['v', 'w', 'vw', '']) } };
    return { address: this.#pick(ASKED), port: this.#pick(PORTS), v6Socket: this.#below(3) === 0, ...(request && { request }) };
  }

  #below(n: number): number {
    return this.#choices.below(n);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!;
  }

  #some<T>(most: number, make: (i: number) => T): T[] {
    return Array.from({ length: this.#below(most + 1) }, (_, i) => make(i));
  }

  #cluster(name: string): Cluster {
    if (name === 'PassthroughCluster') return cluster(name, Cluster_DiscoveryType.ORIGINAL_DST);
    if (name === 'BlackHoleCluster') return cluster(name, Cluster_DiscoveryType.STATIC);
    const common = {
      lbPolicy: this.#pick([Cluster_LbPolicy.ROUND_ROBIN, Cluster_LbPolicy.RANDOM, Cluster_LbPolicy.LEAST_REQUEST, Cluster_LbPolicy.MAGLEV]),
      commonLbConfig: {
        ...(this.#below(2) === 0 && { healthyPanicThreshold: { value: this.#pick([0, 30, 100]) } }),
        ...(this.#below(3) === 0 && { localityConfigSpecifier: { $case: 'localityWeightedLbConfig' as const, value: {} } }),
      },
    };
    switch (this.#below(6)) {
      case 0:
        return cluster(name, Cluster_DiscoveryType.ORIGINAL_DST, common);
      case 1:
        return cluster(name, Cluster_DiscoveryType.STATIC, { ...common, loadAssignment: this.#assignment(name) });
      case 2:
        return cluster(name, this.#pick([Cluster_DiscoveryType.STRICT_DNS, Cluster_DiscoveryType.LOGICAL_DNS]), { ...common, loadAssignment: assignment(name, { lbEndpoints: [lbEndpoint(this.#pick(['name.example', 'unknown.example']), 80)] }) });
      default:
        return cluster(name, Cluster_DiscoveryType.EDS, { ...common, edsClusterConfig: {} });
    }
  }

  #assignment(name: string) {
    const place = CLUSTERS.indexOf(name);
    let n = 0;
    const endpoint = () => {
      n += 1;
      const [v4, v6] = [`10.${place}.0.${n}`, `fd0${place}::${n}`];
      const health = this.#pick([HealthStatus.HEALTHY, HealthStatus.HEALTHY, HealthStatus.UNKNOWN, HealthStatus.UNHEALTHY, HealthStatus.DRAINING]);
      const weight = this.#pick([undefined, undefined, 1, 3, 7]);
      const kind = this.#below(4);
      return kind === 0 ? lbEndpoint(v6, 80, health, weight) : lbEndpoint(v4, 80, health, weight, kind === 1 ? [v6] : []);
    };
    const made = assignment(name, ...this.#some(3, () => ({ priority: this.#below(3), loadBalancingWeight: this.#pick([undefined, 1, 4]), lbEndpoints: this.#some(4, endpoint) })));
    return this.#below(4) === 0 ? { ...made, policy: { overprovisioningFactor: 100, dropOverloads: [], endpointStaleAfter: undefined, weightedPriorityHealth: false } } : made;
  }

  #weights(): [string, number][] {
    return Array.from({ length: 1 + this.#below(3) }, () => [this.#pick(CLUSTERS), this.#pick([0, 1, 3, 10])]);
  }

  #tcp(): Filter {
    switch (this.#below(4)) {
      case 0:
        return tcpSplit(...this.#weights());
      case 1:
        return tcp({ clusterSpecifier: { $case: 'cluster', value: this.#pick(CLUSTERS) }, hashPolicy: [{ policySpecifier: { $case: 'sourceIp', value: {} } }] });
      default:
        return tcpTo(this.#pick(CLUSTERS));
    }
  }

  #listener(bind: string, port: number) {
    const ranges = bind.includes(':') ? ['fd00::', 'fd00:96::'] : ['10.0.0.0', '10.96.0.0'];
    const ranged = () => ({ filterChainMatch: { prefixRanges: [{ addressPrefix: this.#pick(ranges), prefixLen: this.#pick([8, 16]) }] }, filters: [this.#below(3) === 0 ? rds(this.#pick(['r0', 'r1'])) : this.#tcp()] });
    const plain = () => ({ filters: [this.#below(2) === 0 ? rds(this.#pick(['r0', 'r1', 'missing'])) : this.#tcp()] });
    const http = () => ({ filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] }, filters: [rds(this.#pick(['r0', 'r1']))] });
    const chains = [this.#some(2, ranged), this.#below(3) > 0 ? [this.#below(2) === 0 ? plain() : http()] : []].flat();
    const defaultFilterChain = this.#below(2) === 0 ? { filters: [this.#tcp()] } : undefined;
    return listener({ name: `${bind}_${port}`, address: at(bind, port), filterChains: chains, ...(defaultFilterChain && { defaultFilterChain }) });
  }

  #hosts() {
    return this.#some(3, (i) => ({ name: `h${i}`, domains: DOMAINS.filter(() => this.#below(4) === 0).concat(`only${i}`), routes: this.#some(3, () => this.#route()) }));
  }

  #route(): Route {
    const headers = this.#below(3) === 0 ? [{ name: 'x', invertMatch: this.#below(3) === 0, headerMatchSpecifier: { $case: 'stringMatch' as const, value: { matchPattern: { $case: this.#pick(['exact', 'prefix'] as const), value: 'v' }, ignoreCase: false } } }] : [];
    const path = this.#pick([{ $case: 'prefix', value: '/' }, { $case: 'prefix', value: '/a' }, { $case: 'path', value: '/a' }, { $case: 'pathSeparatedPrefix', value: '/a' }] as const);
    const match = { pathSpecifier: path, headers };
    switch (this.#below(5)) {
      case 0:
        return prefixRoute('/', '', { match, action: { $case: 'redirect', value: {} } });
      case 1:
        return prefixRoute('/', '', { match, action: { $case: 'route', value: { clusterSpecifier: { $case: 'weightedClusters', value: { clusters: this.#weights().map(([name, weight]) => ({ name, weight })) } } } } });
      default:
        return prefixRoute('/', this.#pick(CLUSTERS), { match });
    }
  }
}
