// SPDX-License-Identifier: Apache-2.0

/** What is wrong in general and what the user can do; the error's own text says what it was this time. */
export interface ErrorEntry {
  readonly cause: string;
  readonly remedy: string;
}

/** Every trouble of the daemon that a user can meet, by code. docs/errors.md repeats this table. */
export const DAEMON_ERRORS = {
  KM_XDS_ADDRESS: {
    cause: 'The address of the control plane cannot be understood.',
    remedy: 'Set XDS_ADDRESS to host:port, [IPv6 address]:port, namespace:service (as istio-system:istiod) or file:///path.',
  },
  KM_XDS_NODE: {
    cause: 'The node id for the control plane cannot be made from the environment.',
    remedy: 'Set POD_NAME, POD_NAMESPACE and INSTANCE_IP from the downward API, as kmesh.yaml does, or leave them out when run by hand.',
  },
  KM_XDS_UNREACHABLE: {
    cause: 'No connection to the control plane: its name does not resolve, nothing listens there, or the way is blocked.',
    remedy: 'Check that the control plane runs and that XDS_ADDRESS names it; what was configured before stays in force, and the daemon goes on trying.',
  },
  KM_XDS_TLS: {
    cause: 'The TLS handshake with the control plane failed: its certificate is not signed by the root certificate, or is for another name.',
    remedy: 'Mount the control plane\'s current root (config map istio-ca-root-cert) at --xds-root-cert and use the name its certificate is for (istiod.istio-system.svc); for a control plane without TLS use port 15010 or --xds-plaintext.',
  },
  KM_XDS_ROOT_CERT: {
    cause: 'The root certificate of the control plane cannot be read.',
    remedy: 'Mount the config map istio-ca-root-cert, or name the file with --xds-root-cert.',
  },
  KM_XDS_TOKEN: {
    cause: 'The bearer token for the control plane cannot be read.',
    remedy: 'Mount a projected service account token with audience istio-ca, or name the file with --xds-token.',
  },
  KM_XDS_TOKEN_REFUSED: {
    cause: 'The control plane refused the bearer token (UNAUTHENTICATED): it has expired, or its audience or its issuer is wrong.',
    remedy: 'Project a service account token with audience istio-ca from the cluster that the control plane belongs to.',
  },
  KM_XDS_IDENTITY_REFUSED: {
    cause: 'The control plane refused the identity of this node (PERMISSION_DENIED): the token is of another namespace than the one in the node id.',
    remedy: 'Set POD_NAME and POD_NAMESPACE to those of the pod that the token belongs to (the downward API does).',
  },
  KM_XDS_STREAM: {
    cause: 'The control plane ended the stream of resources.',
    remedy: 'Nothing, when it comes back by itself: control planes end streams to balance load. Else see the log of the control plane.',
  },
  KM_XDS_PROTOCOL: {
    cause: 'What the control plane sends is not aggregated discovery (ADS) of Envoy\'s v3 API.',
    remedy: 'Check that XDS_ADDRESS is the discovery port of the control plane (istiod: 15010 plaintext, 15012 TLS); where it serves one variant only, choose it with --xds-protocol.',
  },
  KM_XDS_TOO_LARGE: {
    cause: 'The control plane sent an answer that is larger than a node takes. What was configured before stays in force.',
    remedy: 'Have it send less: a Sidecar resource or discoverySelectors limit what a node is told, and --xds-protocol delta sends changes alone.',
  },
  KM_XDS_REJECTED: {
    cause: 'The control plane sent resources that cannot be used. All others are in force; of these the last good version is, where there was one.',
    remedy: 'Correct the resources that the reason names.',
  },
  KM_XDS_FILE: {
    cause: 'A file of xDS resources cannot be used; what was read from it last stays in force.',
    remedy: 'Correct the file that the reason names; it is read again when it changes.',
  },
  KM_KUBE_ACCOUNT: {
    cause: 'The API server cannot be asked: its address, or the token and the authority to ask it with, are not there or cannot be used. Pods in the mesh stay in it; no other is taken in.',
    remedy: 'In a pod: set serviceAccountName, and NODE_NAME from the downward API, as kmesh.yaml does. Elsewhere name a --kubeconfig, or take every process of the node with --manage all.',
  },
  KM_KUBE_UNREACHABLE: {
    cause: 'The API server does not answer, or not as one. Pods in the mesh stay in it; changes of labels take effect when it answers again.',
    remedy: 'Check that the API server runs and that this node reaches it; the daemon goes on trying.',
  },
  KM_KUBE_REFUSED: {
    cause: 'The API server refused the daemon (401 or 403): its account may not list and watch pods and namespaces, or patch pods.',
    remedy: 'Apply the ClusterRole and its binding of kmesh.yaml.',
  },
  KM_CNI_SOCKET: {
    cause: 'The socket that kmesh-cni asks at cannot be made. Pods are taken into the mesh all the same, some seconds after their start.',
    remedy: 'See that /var/run/kmesh is a folder of root that can be written, and that nothing else stands at the name of the socket.',
  },
  KM_POD_NETNS: {
    cause: 'The network namespace of a pod cannot be entered or recognized, so that the pod is not in the mesh.',
    remedy: 'Give the container CAP_SYS_ADMIN and CAP_SYS_PTRACE and map the host\'s /proc at /host/proc, as kmesh.yaml does. Before Linux 5.14 mount the root of the cgroup2 hierarchy (--cgroup2-path).',
  },
  KM_PODS_UNSUPPORTED: {
    cause: 'The kernel does not tell network namespaces apart in the connect hooks (helper get_netns_cookie, Linux 5.7), so that no pod can be taken into the mesh by its labels: all connections pass.',
    remedy: 'Boot a newer kernel, or steer every process of the node with --manage all.',
  },
  KM_ADMIN_PORT: {
    cause: 'The admin interface cannot listen on its port of 127.0.0.1.',
    remedy: 'Another kmesh-daemon may run already; end it, or choose another port with --admin-port.',
  },
  KM_DAEMON_AWAY: {
    cause: 'kmesh-daemon does not answer on its admin port, or not as one of this version.',
    remedy: 'Ask on the node, or in the container, where it runs; name its port with --admin-port.',
  },
  KM_DAEMON_USAGE: {
    cause: 'The arguments of kmesh-daemon cannot be used. The agent hands on every option that it does not know itself.',
    remedy: 'Correct the option that the message names; `node daemon.js --help` lists all.',
  },
  KM_DAEMON_INTERNAL: {
    cause: 'kmesh-daemon met a situation that its authors did not foresee: a bug.',
    remedy: 'Report it with the log. Pinned programs go on steering, and the agent starts the daemon again.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type DaemonErrorCode = keyof typeof DAEMON_ERRORS;

/** An error with a code of the table; `message` is what happened this time. */
export class DaemonError extends Error {
  readonly code: DaemonErrorCode;

  constructor(code: DaemonErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DaemonError';
    this.code = code;
  }

  get remedy(): string {
    return DAEMON_ERRORS[this.code].remedy;
  }
}

/** The text of whatever was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
