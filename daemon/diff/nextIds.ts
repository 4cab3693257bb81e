// SPDX-License-Identifier: Apache-2.0
import { FIRST_ID, type NextIds } from './ids.js';
import type { MapContents, TargetRecord } from './operations.js';

/** One above the greatest id that is anywhere in the maps, also in entries that nothing leads to. */
export function nextIds(contents: MapContents): NextIds {
  const next = { listener: FIRST_ID, cluster: FIRST_ID, endpoint: FIRST_ID, split: FIRST_ID, routes: FIRST_ID, vhost: FIRST_ID, program: FIRST_ID, automaton: FIRST_ID };
  const seen = (kind: keyof NextIds, id: number): void => {
    next[kind] = Math.max(next[kind], id + 1);
  };
  seenAtL4(contents, seen);
  seenInRoutes(contents, seen);
  for (const { key } of contents.names) seen(key.kind, key.id);
  return next;
}

type Seen = (kind: keyof NextIds, id: number) => void;

function seenTarget({ kind, target }: TargetRecord, seen: Seen): void {
  if (kind === 'cluster' || kind === 'split') seen(kind, target);
}

function seenAtL4({ frontends, splits, clusters, slots, states }: MapContents, seen: Seen): void {
  for (const { value } of frontends) {
    seen('listener', value.listenerId);
    seen('routes', value.routes);
    seenTarget(value, seen);
  }
  for (const { key, value } of splits) {
    seen('split', key.splitId);
    seen('cluster', value.clusterId);
    seen('cluster', value.aliasClusterId);
  }
  for (const { id } of clusters) seen('cluster', id);
  for (const { key, value } of slots) {
    seen('cluster', key.clusterId);
    seen('endpoint', value.primary.endpointId);
    seen('endpoint', value.alias.endpointId);
  }
  for (const id of states.listeners) seen('listener', id);
  for (const id of states.clusters) seen('cluster', id);
  for (const id of states.endpoints) seen('endpoint', id);
}

function seenInRoutes({ routes, domains, vhosts, steps, automata }: MapContents, seen: Seen): void {
  for (const { id, value } of routes) {
    seen('routes', id);
    seen('vhost', value.any);
  }
  for (const { key, vhost } of domains) {
    seen('routes', key.routes);
    seen('vhost', vhost);
  }
  for (const { id, value } of vhosts) {
    seen('vhost', id);
    seen('program', value.program);
  }
  for (const step of steps) {
    seen('program', step.key.program);
    if (step.op !== 'target' && step.op !== 'automaton') continue;
    const { value } = step;
    if (value.op === 'target') seenTarget(value, seen);
    if (value.op === 'automaton') seen('automaton', value.automaton);
  }
  for (const { id } of automata) seen('automaton', id);
}
