// SPDX-License-Identifier: Apache-2.0
import { MODE_LABEL, type PodFacts } from './podFacts.js';

/** Why a pod is in the mesh or not. Shown by pages, log and metrics; dashboards may be kept on these names. */
export type Rule = 'host_network' | 'sidecar' | 'gateway' | 'ended' | 'bypass' | 'pod_label' | 'namespace_label' | 'no_label';

export const RULES: readonly Rule[] = ['host_network', 'sidecar', 'gateway', 'ended', 'bypass', 'pod_label', 'namespace_label', 'no_label'];

export interface Membership {
  readonly inMesh: boolean;
  readonly rule: Rule;
  /** For people. */
  readonly why: string;
}

const OURS = 'kmesh';

const out = (rule: Rule, why: string): Membership => ({ inMesh: false, rule, why });

/**
 * Whether a pod is in the mesh. What can never be in it comes first; then the pod's own word counts, then that of its namespace. A value
 * that is neither kmesh nor none names the data plane of another mesh, to which the pod is left.
 *
 * @param namespaceMode value of the label of its namespace, in lower case; undefined: it has none
 */
export function decideMembership(pod: PodFacts, namespaceMode: string | undefined): Membership {
  if (pod.hostNetwork) return out('host_network', 'it is on the network of the host');
  if (pod.sidecar) return out('sidecar', 'it has a sidecar (annotation sidecar.istio.io/status)');
  if (pod.gateway !== undefined) return out('gateway', `it is a gateway or a waypoint (label ${pod.gateway})`);
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed') return out('ended', `it has ended (${pod.phase})`);
  if (pod.bypass) return out('bypass', 'it asks to be left out (kmesh.net/bypass)');
  if (pod.mode !== undefined) return byLabel('pod_label', `its own label ${MODE_LABEL}`, pod.mode);
  if (namespaceMode !== undefined) return byLabel('namespace_label', `the label ${MODE_LABEL} of its namespace`, namespaceMode);
  return out('no_label', `neither it nor its namespace has the label ${MODE_LABEL}`);
}

const byLabel = (rule: Rule, whose: string, mode: string): Membership => ({ inMesh: mode === OURS, rule, why: `${whose} says ${mode}` });
