// SPDX-License-Identifier: Apache-2.0
/**
 * What the objects in the cluster mean for connections from Kmesh's own namespace, read from the API server and from nothing of Kmesh's:
 * Kubernetes' Services and EndpointSlices, and of Istio's what the test applies (VirtualService with weights and rules, Sidecar with egress hosts).
 */
import { get } from '../kubectl.js';
import { NAMESPACE } from './objects.js';

/** Shares of the connections, between 0 and 1, by the endpoint's address and port. */
export type Shares = Readonly<Record<string, number>>;

/** By the address and port that is connected to. */
export type Meaning = ReadonlyMap<string, Shares>;

interface Named {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}
interface Service extends Named {
  readonly spec: { readonly clusterIPs: readonly string[]; readonly ports: readonly { readonly port: number }[] };
}
interface Slice extends Named {
  readonly addressType: 'IPv4' | 'IPv6';
  readonly ports: readonly { readonly port: number }[];
  readonly endpoints?: readonly { readonly addresses: readonly string[]; readonly conditions: { readonly ready?: boolean } }[];
}
/** Weights of destinations. One that stands alone has none. */
type Route = readonly { readonly destination: { readonly host: string }; readonly weight?: number }[];
type StringMatch = { readonly exact?: string; readonly prefix?: string; readonly regex?: string };
export interface VirtualService extends Named {
  readonly spec: {
    readonly hosts: readonly string[];
    readonly tcp?: readonly { readonly route: Route }[];
    readonly http?: readonly { readonly match?: readonly { readonly uri?: StringMatch; readonly headers?: Readonly<Record<string, StringMatch>> }[]; readonly route: Route }[];
  };
}
interface Sidecar extends Named {
  readonly spec: { readonly egress: readonly { readonly hosts: readonly string[] }[] };
}

/** The objects, as far as a client in Kmesh's own namespace sees them. */
export interface Cluster {
  readonly services: readonly { readonly name: string; readonly host: string; readonly addresses: readonly string[]; readonly port: number }[];
  /** By the name of the Service. */
  readonly slices: ReadonlyMap<string, readonly Slice[]>;
  /** By host. */
  readonly virtualServices: ReadonlyMap<string, VirtualService['spec']>;
}

const list = <T>(kind: string, namespace: string): readonly T[] => get<{ items: T[] }>(kind, '--namespace', namespace).items;

export const at = (address: string, port: number): string => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);

const isIPv6 = (address: string): boolean => address.includes(':');

/** @param own Kmesh's own namespace. @param all also the Services that its Sidecar does not name */
export function readCluster(own: string, all = false): Cluster {
  const slices = new Map<string, Slice[]>();
  for (const slice of list<Slice>('endpointslices', NAMESPACE)) {
    const service = slice.metadata.labels?.['kubernetes.io/service-name'] ?? '';
    slices.set(service, [...(slices.get(service) ?? []), slice]);
  }
  const virtualServices = new Map(list<VirtualService>('virtualservices', NAMESPACE).map(({ spec }) => [spec.hosts[0]!, spec]));
  const visible = list<Sidecar>('sidecars', own)[0]?.spec.egress.flatMap(({ hosts }) => hosts.map((one) => one.split('/')[1]));
  const services = list<Service>('services', NAMESPACE).map(({ metadata: { name }, spec }) => ({ name, host: `${name}.${NAMESPACE}.svc.cluster.local`, addresses: spec.clusterIPs, port: spec.ports[0]!.port }));
  return { services: services.filter(({ host }) => all || visible === undefined || visible.includes(host)), slices, virtualServices };
}

/** Where connections to an address go whose request is not looked at: by a VirtualService's route for TCP, or its rule without a match. */
export function readMeaning(own: string, cluster: Cluster = readCluster(own)): Meaning {
  const meaning = new Map<string, Shares>();
  for (const { host, addresses, port } of cluster.services) {
    const spec = cluster.virtualServices.get(host);
    const route = spec?.tcp?.[0]?.route ?? spec?.http?.find(({ match }) => match === undefined)?.route ?? [{ destination: { host } }];
    for (const address of addresses) meaning.set(at(address, port), sharesOf(cluster, route, address));
  }
  return meaning;
}

/** Shares of the ready endpoints of all destinations, of the family that the connection has. */
export function sharesOf({ slices }: Cluster, route: Route, address: string): Shares {
  const total = route.reduce((sum, { weight = 1 }) => sum + weight, 0);
  const shares: Record<string, number> = {};
  for (const { destination, weight = 1 } of route) {
    const ready = readyOf(slices.get(destination.host.split('.')[0]!) ?? [], isIPv6(address));
    for (const endpoint of ready) shares[endpoint] = (shares[endpoint] ?? 0) + weight / total / ready.length;
  }
  return shares;
}

/** An endpoint is reached by the family that the connection has. */
const readyOf = (slices: readonly Slice[], ipv6: boolean): readonly string[] =>
  slices
    .filter(({ addressType }) => (addressType === 'IPv6') === ipv6)
    .flatMap(({ endpoints = [], ports }) => endpoints.filter(({ conditions }) => conditions.ready !== false).flatMap(({ addresses }) => addresses.map((one) => at(one, ports[0]!.port))));

/** Endpoints whose share differs by more than a thousandth, and addresses that only one of them has. */
export function differences(wanted: Meaning, found: Meaning): readonly string[] {
  const addresses = [...new Set([...wanted.keys(), ...found.keys()])];
  return addresses.flatMap((address) => {
    const [want, have] = [wanted.get(address), found.get(address)];
    if (want === undefined || have === undefined) return [`${address} is ${want === undefined ? 'too much' : 'missing'}`];
    const endpoints = [...new Set([...Object.keys(want), ...Object.keys(have)])];
    return endpoints.filter((one) => Math.abs((want[one] ?? 0) - (have[one] ?? 0)) > 0.001).map((one) => `${address}: ${one} gets ${have[one] ?? 0} and not ${want[one] ?? 0}`);
  });
}
