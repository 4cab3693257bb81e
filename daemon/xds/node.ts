// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { DaemonError } from '../errors.js';
import { Node } from '../proto/envoy/config/core/v3/base.js';

/** What a node is known by, apart from the environment. */
export interface Host {
  readonly hostname: string;
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
}

/** The release whose sidecars this node behaves like: istiod decides by it which features it uses. */
const ISTIO_VERSION = '1.30.0';

/**
 * The node as istiod knows a sidecar: id `sidecar~IP~POD.NAMESPACE~NAMESPACE.svc.cluster.local`. From POD_NAME,
 * POD_NAMESPACE, CLUSTER_ID and INSTANCE_IP or POD_IP (several, comma separated, on dual-stack clusters: istiod
 * leaves out the addresses of a family that the node lacks); by hand the host's own name and addresses.
 *
 * @throws DaemonError KM_XDS_NODE for an address or a name that cannot stand in a node id.
 */
export function nodeIdentity(env: NodeJS.ProcessEnv, host: Host): Node {
  const name = word('POD_NAME', env['POD_NAME'] || host.hostname || 'localhost');
  const namespace = word('POD_NAMESPACE', env['POD_NAMESPACE'] || 'default');
  const addresses = addressesOf(env, host);
  return Node.fromPartial({
    id: `sidecar~${addresses[0]}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    userAgentName: 'kmesh',
    metadata: {
      NAME: name,
      NAMESPACE: namespace,
      CLUSTER_ID: env['CLUSTER_ID'] || 'Kubernetes',
      ISTIO_VERSION,
      LABELS: { app: 'kmesh' },
      INSTANCE_IPS: addresses.join(','),
    },
  });
}

function addressesOf(env: NodeJS.ProcessEnv, host: Host): string[] {
  const variable = env['INSTANCE_IP'] ? 'INSTANCE_IP' : 'POD_IP';
  const given = env[variable];
  if (!given) return hostAddresses(host);
  const addresses = given.split(',').map((address) => address.trim());
  const bad = addresses.find((address) => isIP(address) === 0);
  if (bad !== undefined) throw new DaemonError('KM_XDS_NODE', `${variable} holds ${JSON.stringify(bad.slice(0, 100))}, which is not an IP address`);
  return addresses;
}

/** The first address of each family that others can reach. */
function hostAddresses({ interfaces }: Host): string[] {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const usable = all.filter(({ internal, address }) => !internal && !/^(169\.254\.|fe[89ab])/i.test(address));
  const firsts = (['IPv4', 'IPv6'] as const).flatMap((family) => usable.find((info) => info.family === family)?.address ?? []);
  return firsts.length > 0 ? firsts : ['127.0.0.1'];
}

/** `~` separates the parts of a node id. */
function word(variable: string, value: string): string {
  if (!/^[\w.-]{1,253}$/.test(value)) throw new DaemonError('KM_XDS_NODE', `${variable} is ${JSON.stringify(value.slice(0, 300))}, which is not a Kubernetes name`);
  return value;
}
