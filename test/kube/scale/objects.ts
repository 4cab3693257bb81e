// SPDX-License-Identifier: Apache-2.0
/** A large mesh as Kubernetes objects, without a pod: Services with EndpointSlices of their own. */

export const NAMESPACE = 'kmesh-scale';
const PORT = 80;
const HTTP_PORT = 8000;
const ENDPOINTS = 10;
const TARGET_PORT = 9000;

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: unknown;
  readonly [field: string]: unknown;
}

const named = (name: string, labels?: Readonly<Record<string, string>>): Manifest['metadata'] => ({ name, namespace: NAMESPACE, ...(labels === undefined ? {} : { labels }) });

export const serviceName = (i: number): string => `svc-${i}`;
export const host = (i: number): string => `${serviceName(i)}.${NAMESPACE}.svc.cluster.local`;

const serviceAt = (i: number, port: { readonly name: string; readonly port: number }): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: named(serviceName(i)),
  spec: { ipFamilyPolicy: 'PreferDualStack', ports: [{ ...port, targetPort: TARGET_PORT }] },
});

export const service = (i: number): Manifest => serviceAt(i, { name: 'tcp', port: PORT });

/** One whose requests are routed: istiod knows so by the name of its port. */
export const httpService = (i: number): Manifest => serviceAt(i, { name: 'http', port: HTTP_PORT });

/** Addresses that nobody has; another generation has others. */
function addressesOf(i: number, family: 'IPv4' | 'IPv6', generation: number): string[] {
  const n = i * ENDPOINTS;
  return Array.from({ length: ENDPOINTS }, (_, k) => {
    const number = n + k + 1;
    // Canonical (RFC 5952), which the API server asks for.
    return family === 'IPv4' ? `10.${100 + generation}.${number >> 8}.${number & 0xff}` : `fd00:${100 + generation}::${number.toString(16)}`;
  });
}

/** Two of them, one of each family. `unready` of the addresses of each are not ready. */
export function endpointSlices(i: number, { generation = 0, unready = 0, port = 'tcp' }: { readonly generation?: number; readonly unready?: number; readonly port?: 'tcp' | 'http' } = {}): Manifest[] {
  return (['IPv4', 'IPv6'] as const).map((family) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: named(`${serviceName(i)}-${family.toLowerCase()}`, { 'kubernetes.io/service-name': serviceName(i) }),
    addressType: family,
    ports: [{ name: port, port: TARGET_PORT, protocol: 'TCP' }],
    endpoints: addressesOf(i, family, generation).map((address, k) => ({ addresses: [address], conditions: { ready: k >= unready } })),
  }));
}

/** Connections to service `i` go to others by weight. */
export const split = (i: number, weights: Readonly<Record<number, number>>): Manifest => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: named(serviceName(i)),
  spec: { hosts: [host(i)], tcp: [{ route: Object.entries(weights).map(([to, weight]) => ({ destination: { host: host(Number(to)), port: { number: PORT } }, weight })) }] },
});

/** Part of a rule of a VirtualService: what its match asks for, if anything, and the weights of services. */
export interface Rule {
  readonly match?: readonly { readonly uri?: Readonly<Record<string, string>>; readonly headers?: Readonly<Record<string, Readonly<Record<string, string>>>> }[];
  readonly to: Readonly<Record<number, number>>;
}

/** Requests to service `i` go by the first rule that holds. */
export const routed = (i: number, rules: readonly Rule[]): Manifest => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: named(serviceName(i)),
  spec: {
    hosts: [host(i)],
    http: rules.map(({ match, to }) => ({
      ...(match && { match }),
      route: Object.entries(to).map(([service, weight]) => ({ destination: { host: host(Number(service)), port: { number: HTTP_PORT } }, weight })),
    })),
  },
});

/** Kmesh's own namespace sees these services and no others of this one. */
export const sidecar = (namespace: string, services: readonly number[]): Manifest => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'Sidecar',
  metadata: { name: 'default', namespace },
  spec: { egress: [{ hosts: services.map((i) => `${NAMESPACE}/${host(i)}`) }] },
});
