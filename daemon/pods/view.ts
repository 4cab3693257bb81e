// SPDX-License-Identifier: Apache-2.0
import { DAEMON_ERRORS } from '../errors.js';
import type { PodCounters } from '../maps/dataplane.js';
import type { Rule } from '../membership/rule.js';
import type { Enrolled } from './enrolled.js';
import type { KnownNetns } from './knownNetns.js';
import { kubeletUid, type PodStore } from './podStore.js';
import type { Trouble } from './troubles.js';

/** Body of `/pods` where labels decide. */
export interface PodsView {
  readonly manage: 'labelled';
  readonly node: string;
  /** Whether the API server has told all pods and namespaces to this process. */
  readonly synced: boolean;
  readonly troubles: readonly { readonly concerns: string; readonly code: string; readonly reason: string; readonly remedy: string }[];
  readonly pods: readonly PodView[];
  /** Namespaces in the set of which this process does not know whose they are. */
  readonly others: readonly { readonly cookie: string; readonly connections: PodCounters }[];
}

export interface PodView {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Whether the kernel steers its connections now. */
  readonly enrolled: boolean;
  readonly inMesh: boolean;
  readonly rule: Rule;
  readonly why: string;
  readonly annotated: boolean;
  readonly netns?: { readonly inode: number; readonly cookie: string; readonly toldBy: 'cni' | 'process' };
  /** Since it is in the mesh. */
  readonly connections?: PodCounters;
}

export interface ViewInputs {
  readonly nodeName: string;
  readonly store: PodStore;
  readonly known: KnownNetns;
  readonly enrolled: Enrolled;
  readonly troubles: ReadonlyMap<string, Trouble>;
}

/** Sorted by namespace and name, so that two views can be compared. */
export function podsView({ nodeName, store, known, enrolled, troubles }: ViewInputs): PodsView {
  const counters = enrolled.counters();
  const owned = new Set<bigint>();
  const pods = [...store.pods].map((pod): PodView => {
    const netns = known.get(kubeletUid(pod));
    const connections = netns && counters.get(netns.netns.cookie);
    if (netns) owned.add(netns.netns.cookie);
    const { namespace, name, uid, redirection } = pod;
    return {
      namespace,
      name,
      uid,
      enrolled: connections !== undefined,
      ...store.membership(pod),
      annotated: redirection,
      ...(netns ? { netns: { inode: netns.netns.inode, cookie: String(netns.netns.cookie), toldBy: netns.from } } : {}),
      ...(connections ? { connections } : {}),
    };
  });
  return {
    manage: 'labelled',
    node: nodeName,
    synced: store.synced,
    troubles: [...troubles].map(([concerns, { code, message }]) => ({ concerns, code, reason: message, remedy: DAEMON_ERRORS[code].remedy })),
    pods: pods.sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1)),
    others: [...counters].filter(([cookie]) => !owned.has(cookie)).map(([cookie, connections]) => ({ cookie: String(cookie), connections })),
  };
}
