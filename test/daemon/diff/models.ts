// SPDX-License-Identifier: Apache-2.0
import { REASON_NUMBER } from '../../../daemon/diff/reasons.js';
import type { HostDomain, RouteProgram, RouteStep, RouteTable } from '../../../daemon/model/routeTable.js';
import { newBudget } from '../../../daemon/model/routing/regex/budget.js';
import { compileRegex } from '../../../daemon/model/routing/regex/compile.js';
import { frontendKey } from '../../../daemon/model/types.js';
import type { Cluster, Endpoint, Frontend, MeshModel, Target } from '../../../daemon/model/types.js';
import type { Request } from '../model/routing/walk.js';
import type { Outcomes } from './interpreter.js';

/** Deterministic pseudo random numbers (mulberry32), so that a failure can be repeated by its seed. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export const endpoints = (network: string, ...weights: number[]): Endpoint[] =>
  weights.flatMap((weight, i) => (weight === 0 ? [] : [{ address: `${network}${i + 1}`, port: 80, weight }]));

export function endpointCluster(name: string, ipv4: readonly Endpoint[], ipv6: readonly Endpoint[] = []): Cluster {
  return { kind: 'endpoints', name, lb: 'round_robin', maxConnections: undefined, ipv4, ipv6, panic: false, empty: 'no_endpoints' };
}

export const frontend = (address: string, target: Target, listener = 'l', port = 80, routes?: string): Frontend => {
  const family = address.includes(':') ? 6 : 4;
  const prefixLength = address === '0.0.0.0' || address === '::' ? 0 : family === 4 ? 32 : 128;
  return { family, address, prefixLength, port, listener, target, routes };
};

export function model(frontends: readonly Frontend[], clusters: readonly Cluster[], tables: readonly RouteTable[] = []): MeshModel {
  return {
    frontends: new Map(frontends.map((f) => [frontendKey(f), f])),
    clusters: new Map(clusters.map((c) => [c.name, c])),
    routeTables: new Map(tables.map((table) => [table.name, table])),
    notEnforced: [],
    expressionsLeft: 0,
  };
}

/** A model over a small universe of names, so that a row of them adds, removes and changes everything. */
export function randomModel(below: (n: number) => number): MeshModel {
  const names = ['a', 'b', 'c', 'd', 'long '.repeat(60)];
  const clusters = names.filter(() => below(4) > 0).map((name) => randomCluster(below, name));
  const addresses = ['10.0.0.1', '10.0.0.2', '0.0.0.0', 'fd00::1', '::'];
  const tables = ['t', 'u'].filter(() => below(5) > 0).map((name) => randomTable(below, name, names));
  const routes = (): string | undefined => [undefined, 't', 't', 'u'][below(4)];
  const frontends = addresses.filter(() => below(4) > 0).map((address) => frontend(address, randomTarget(below, names), `listener ${below(3)}`, 80, routes()));
  return model(frontends, clusters, tables);
}

/** Hosts and paths that tell all domains and programs of random tables apart. */
export const REQUESTS: readonly Request[] = ['a', 'a.x', 'b.x', 'b.a.x', 'a.x:80', 'b.c', 'c'].flatMap((host) => ['/', '/p', '/q'].map((path) => ({ host, path })));

const DOMAINS: readonly HostDomain[] = [
  { kind: 'exact', text: 'a' },
  { kind: 'exact', text: 'a.x' },
  { kind: 'exact', text: 'a.x:80' },
  { kind: 'suffix', text: '.x' },
  { kind: 'suffix', text: '.a.x' },
  { kind: 'prefix', text: 'b.' },
  { kind: 'prefix', text: 'b.c' },
  { kind: 'prefix', text: 'b' },
  { kind: 'any', text: '' },
];

function randomTable(below: (n: number) => number, name: string, clusters: readonly string[]): RouteTable {
  const hosts = ['one', 'two', 'three'].filter(() => below(5) > 0);
  const owners = DOMAINS.map(() => below(4));
  // Often nothing but the programs changes, so that they change in place.
  const domains = (host: number): HostDomain[] => DOMAINS.filter((_, i) => (below(8) > 0 ? i % 3 : owners[i]) === host);
  const virtualHosts = hosts.map((host, i) => ({ name: host, domains: domains(i), program: randomProgram(below, clusters) }));
  return { name, ignorePort: below(6) === 0, virtualHosts };
}

function randomProgram(below: (n: number) => number, clusters: readonly string[]): RouteProgram {
  const end = (): RouteStep => (below(5) === 0 ? { op: 'default', why: 'no_route' } : { op: 'target', target: randomTarget(below, clusters) });
  if (below(2) === 0) return { steps: [end()] };
  if (below(3) === 0) {
    const regex = ['/p?', '/(p|q)', '/[^q]+'][below(3)]!;
    const { automaton } = compileRegex(regex, true, newBudget());
    return { steps: [{ op: 'field', field: 'path', then: 1, otherwise: 3 }, { op: 'automaton', automaton: automaton!, regex, then: 2, otherwise: 3, unsure: 4 }, end(), end(), { op: 'default', why: 'undecidable' }] };
  }
  const question = { op: 'compare', bytes: Buffer.from(['/p', '/q'][below(2)]!), offset: 0, fromEnd: false, ignoreCase: false } as const;
  return { steps: [{ op: 'field', field: 'path', then: 1, otherwise: 3 }, { ...question, then: 2, otherwise: 3 }, end(), end()] };
}

function randomCluster(below: (n: number) => number, name: string): Cluster {
  const kind = below(8);
  if (kind === 0) return { kind: 'pass', name, reason: below(2) === 0 ? 'passthrough' : 'original_dst' };
  if (kind === 1) return { kind: 'refuse', name, reason: 'blackhole' };
  const uniform = below(2) === 0;
  const weights = () => Array.from({ length: below(6) }, () => (below(3) === 0 ? 0 : uniform ? 1 : 1 + below(9)));
  const empty = below(2) === 0 ? 'no_endpoints' : 'all_unhealthy';
  const maxConnections = below(3) === 0 ? below(100) : undefined;
  const ipv6 = below(2) === 0 ? [] : endpoints('fd00:1::', ...weights());
  return { kind: 'endpoints', name, lb: below(2) === 0 ? 'random' : 'least_request', maxConnections, ipv4: endpoints('10.1.0.', ...weights()), ipv6, panic: below(4) === 0, empty };
}

function randomTarget(below: (n: number) => number, names: readonly string[]): Target {
  const kind = below(8);
  if (kind === 0) return { kind: 'pass', reason: 'passthrough' };
  if (kind === 1) return { kind: 'refuse', reason: 'weights_zero' };
  if (kind < 5) return { kind: 'cluster', cluster: names[below(names.length)]! };
  return { kind: 'split', clusters: Array.from({ length: 2 + below(3) }, () => ({ cluster: names[below(names.length)]!, weight: 1 + below(9) })) };
}

/** Where sockets end by the model alone: the definition that the maps are held to. */
export function expected(target: Target, clusters: ReadonlyMap<string, Cluster>, socket: 4 | 6): Outcomes {
  if (target.kind === 'pass' || target.kind === 'refuse') return new Map([[`${target.kind} ${REASON_NUMBER[target.reason]}`, 1]]);
  const arms = target.kind === 'cluster' ? [{ cluster: target.cluster, weight: 1 }] : target.clusters;
  const total = arms.reduce((sum, arm) => sum + arm.weight, 0);
  const outcomes = new Map<string, number>();
  for (const arm of arms) {
    for (const [outcome, p] of expectedOfCluster(clusters.get(arm.cluster), socket)) {
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + (p * arm.weight) / total);
    }
  }
  return outcomes;
}

function expectedOfCluster(cluster: Cluster | undefined, socket: 4 | 6): Outcomes {
  if (!cluster) return new Map([['refuse 22', 1]]);
  if (cluster.kind !== 'endpoints') return new Map([[`${cluster.kind} ${REASON_NUMBER[cluster.reason]}`, 1]]);
  if (cluster.ipv4.length + cluster.ipv6.length === 0) return new Map([[`refuse ${REASON_NUMBER[cluster.empty]}`, 1]]);
  const list = socket === 6 && cluster.ipv6.length > 0 ? cluster.ipv6 : cluster.ipv4;
  if (list.length === 0) return new Map([['refuse 26', 1]]);
  const total = list.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(list.map(({ address, port, weight }) => [`${address}:${port}`, weight / total]));
}
