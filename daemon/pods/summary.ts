// SPDX-License-Identifier: Apache-2.0
import type { Rule } from '../membership/rule.js';
import type { PodsPage } from './management.js';
import type { PodsView } from './view.js';

/** Body of `/pods/summary`: what fits the agent's status, whatever runs on the node. */
export type PodsSummary =
  | { readonly manage: 'all' | 'labelled'; readonly off: string }
  | {
      readonly manage: 'labelled';
      readonly synced: boolean;
      readonly troubles: PodsView['troubles'];
      /** Pods whose connections are steered. */
      readonly enrolled: number;
      /** Pods that labels take into the mesh, and that are not there yet. */
      readonly waiting: number;
      /** Pods that stay outside. */
      readonly outside: number;
      readonly pods: readonly { readonly pod: string; readonly enrolled: boolean; readonly inMesh: boolean; readonly rule: Rule }[];
      /** Pods that are not listed for want of room. */
      readonly more: number;
    };

/** The agent reads 64 KiB of an answer. */
const MOST_BYTES = 40_000;

export function podsSummary(page: PodsPage): PodsSummary {
  if ('off' in page) return page;
  const { manage, synced, troubles, pods } = page;
  const lines = pods.map(({ namespace, name, enrolled, inMesh, rule }) => ({ pod: `${namespace}/${name}`, enrolled, inMesh, rule }));
  const listed = fitting(lines);
  return {
    manage,
    synced,
    troubles: troubles.slice(0, 10).map((trouble) => ({ ...trouble, reason: trouble.reason.slice(0, 500) })),
    enrolled: pods.filter(({ enrolled }) => enrolled).length,
    waiting: pods.filter(({ enrolled, inMesh }) => inMesh && !enrolled).length,
    outside: pods.filter(({ inMesh }) => !inMesh).length,
    pods: listed,
    more: lines.length - listed.length,
  };
}

function fitting<T>(lines: readonly T[]): readonly T[] {
  let bytes = 0;
  // What indentation adds included.
  const end = lines.findIndex((line) => (bytes += JSON.stringify(line, undefined, 2).length + 30) > MOST_BYTES);
  return end < 0 ? lines : lines.slice(0, end);
}
