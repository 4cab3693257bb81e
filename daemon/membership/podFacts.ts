// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';

/** Labels and annotations by which pods and namespaces are taken into a mesh, or kept out of it. */
export const MODE_LABEL = 'istio.io/dataplane-mode';
const BYPASS = 'kmesh.net/bypass';
const SIDECAR = 'sidecar.istio.io/status';
/** What tells users of Kmesh that a pod is in the mesh. */
export const REDIRECTION = 'kmesh.net/redirection';
/** Of a static pod: by this name, and not by the uid of its mirror in the API server, the kubelet knows it. */
const CONFIG_HASH = 'kubernetes.io/config.hash';

/** Pods that Istio's controllers make for a Gateway, waypoints included. */
const GATEWAY_LABELS = ['gateway.istio.io/managed', 'gateway.networking.k8s.io/gateway-name'] as const;
/** Those that istioctl installs, by its label `istio`. */
const INSTALLED_GATEWAYS = ['ingressgateway', 'egressgateway', 'eastwestgateway'];

/** What is kept of a pod. */
export interface PodFacts {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Value of the label of the mode, in lower case. */
  readonly mode: string | undefined;
  /** Asks to be left out by kmesh.net/bypass. */
  readonly bypass: boolean;
  /** A sidecar was injected. */
  readonly sidecar: boolean;
  /** The label that shows a gateway or a waypoint. */
  readonly gateway: string | undefined;
  readonly hostNetwork: boolean;
  readonly phase: string;
  /** Address of the current network namespace. */
  readonly ip: string | undefined;
  /** The annotation that says that it is in the mesh is there. */
  readonly redirection: boolean;
  /** The name of its cgroup, where that is not the uid. */
  readonly cgroupUid: string | undefined;
}

/** What is kept of a namespace: the value of its label of the mode, in lower case. */
export interface NamespaceFacts {
  readonly name: string;
  readonly mode: string | undefined;
}

const strings = z.record(z.string(), z.string()).nullish().transform((map) => map ?? {});
const dnsName = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);

const pod = z.object({
  metadata: z.object({ uid: z.string().min(1).max(128), namespace: dnsName, name: dnsName, labels: strings, annotations: strings }),
  spec: z.object({ hostNetwork: z.boolean().nullish() }).nullish(),
  status: z.object({ phase: z.string().max(64).nullish(), podIP: z.string().max(64).nullish() }).nullish(),
});

const namespace = z.object({ metadata: z.object({ name: dnsName, labels: strings }) });

/** An empty label is as none. */
const modeOf = (labels: Readonly<Record<string, string>>): string | undefined => labels[MODE_LABEL]?.toLowerCase() || undefined;

/** Of a Pod as the API server tells it. @throws ZodError for what is none */
export function podFacts(object: unknown): PodFacts {
  const { metadata, spec, status } = pod.parse(object);
  const { uid, namespace, name, labels, annotations } = metadata;
  return {
    uid,
    namespace,
    name,
    mode: modeOf(labels),
    bypass: [labels[BYPASS], annotations[BYPASS]].some((value) => value?.toLowerCase() === 'enabled'),
    sidecar: annotations[SIDECAR] !== undefined,
    gateway: GATEWAY_LABELS.find((label) => labels[label] !== undefined) ?? (INSTALLED_GATEWAYS.includes(labels['istio'] ?? '') ? 'istio' : undefined),
    hostNetwork: spec?.hostNetwork === true,
    phase: status?.phase ?? 'Pending',
    ip: status?.podIP ?? undefined,
    redirection: annotations[REDIRECTION] === 'enabled',
    cgroupUid: annotations[CONFIG_HASH],
  };
}

/** Of a Namespace as the API server tells it. @throws ZodError for what is none */
export function namespaceFacts(object: unknown): NamespaceFacts {
  const { name, labels } = namespace.parse(object).metadata;
  return { name, mode: modeOf(labels) };
}
