// SPDX-License-Identifier: Apache-2.0
import type { Applied } from '../applied.js';
import type { Cluster, Endpoint, Frontend, MeshModel, NotEnforced } from '../model/types.js';
import { routeTableView } from './routeViews.js';
import { at, targetText } from './texts.js';

/**
 * `/config_dump/text`: what came, what is enforced of it and what is not, a fact a line, sorted, and nothing that changes by
 * itself: two nodes, or two moments, can be compared with diff(1).
 */
export function configText({ model, resources }: Applied): string {
  const came = Object.entries(resources ?? {}).flatMap(([kind, names]) => (kind === 'resolved' ? [] : [...names.keys()].map((name) => `came ${KINDS[kind] ?? kind} ${name}`)));
  const enforced = model ? [...model.frontends.values()].map(frontendLine).concat([...model.clusters.values()].map(clusterLine), routeLines(model)) : [];
  const missing = model?.notEnforced.map(missingLine) ?? [];
  return [...sorted(came), ...sorted(enforced), ...sorted(missing)].map((line) => `${line}\n`).join('');
}

const KINDS: Readonly<Record<string, string>> = { listeners: 'listener', routes: 'route', clusters: 'cluster', endpoints: 'endpoints' };

const sorted = (lines: readonly string[]): string[] => [...lines].sort();

function frontendLine({ listener, target, routes, prefixLength, ...f }: Frontend): string {
  return `enforced address ${f.address}/${prefixLength}:${f.port} ${targetText(target)}${routes === undefined ? '' : `, requests by table ${routes}`}, listener ${listener}`;
}

function clusterLine(cluster: Cluster): string {
  if (cluster.kind !== 'endpoints') return `enforced cluster ${cluster.name} ${cluster.kind} (${cluster.reason})`;
  const limit = cluster.maxConnections === undefined ? '' : `, at most ${cluster.maxConnections} connections`;
  const all = [...cluster.ipv4, ...cluster.ipv6];
  const endpoints = all.length === 0 ? `refuse (${cluster.empty})` : all.map(endpointText).sort().join(', ');
  return `enforced cluster ${cluster.name} ${cluster.lb}${limit}${cluster.panic ? ', panic' : ''}: ${endpoints}`;
}

const endpointText = (endpoint: Endpoint): string => (endpoint.weight === 1 ? at(endpoint) : `${Number(endpoint.weight.toPrecision(6))} x ${at(endpoint)}`);

interface HostView {
  readonly name: string;
  readonly domains: readonly string[];
  readonly program: readonly string[];
}

function routeLines({ routeTables }: MeshModel): string[] {
  return [...routeTables.values()].flatMap((table) => {
    const { virtualHosts } = routeTableView(table, ({ target }) => targetText(target)) as { readonly virtualHosts: readonly HostView[] };
    return virtualHosts.map(({ name, domains, program }) => `enforced route ${table.name} ${name} [${[...domains].sort().join(' ')}]: ${program.join('; ')}`);
  });
}

const missingLine = ({ resourceType, resource, path, feature, reason }: NotEnforced): string => `not enforced ${resourceType} ${resource} ${feature}${path === '' ? '' : ` at ${path}`}: ${reason}`;
