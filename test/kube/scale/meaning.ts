// SPDX-License-Identifier: Apache-2.0
/**
 * What the objects in the cluster mean for connections from Kmesh's own namespace, read from the API server and from nothing of Kmesh's:
 * Kubernetes' Services and EndpointSlices, and of Istio's what the test applies (VirtualService with TCP weights, Sidecar with egress hosts).
 */
import { get } from '../kubectl.js';
import { NAMESPACE, PORT } from './objects.js';

/** Shares of the connections, between 0 and 1, by the endpoint's address and port. */
export type Shares = Readonly<Record<string, number>>;

/** By the address and port that is connected to. */
export type Meaning = ReadonlyMap<string, Shares>;

interface Named {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}
interface Service extends Named {
  readonly spec: { readonly clusterIPs: readonly string[] };
}
interface Slice extends Named {
  readonly addressType: 'IPv4' | 'IPv6';
  readonly ports: readonly { readonly port: number }[];
  readonly endpoints?: readonly { readonly addresses: readonly string[]; readonly conditions: { readonly ready?: boolean } }[];
}
interface VirtualService extends Named {
  readonly spec: { readonly hosts: readonly string[]; readonly tcp: readonly { readonly route: readonly { readonly destination: { readonly host: string }; readonly weight: number }[] }[] };
}
interface Sidecar extends Named {
  readonly spec: { readonly egress: readonly { readonly hosts: readonly string[] }[] };
}

const list = <T>(kind: string, namespace: string): readonly T[] => get<{ items: T[] }>(kind, '--namespace', namespace).items;

export const at = (address: string, port: number): string => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);

const isIPv6 = (address: string): boolean => address.includes(':');

/** @param own Kmesh's own namespace */
export function readMeaning(own: string): Meaning {
  const services = list<Service>('services', NAMESPACE);
  const slices = new Map<string, Slice[]>();
  for (const slice of list<Slice>('endpointslices', NAMESPACE)) {
    const service = slice.metadata.labels?.['kubernetes.io/service-name'] ?? '';
    slices.set(service, [...(slices.get(service) ?? []), slice]);
  }
  const routes = new Map(list<VirtualService>('virtualservices', NAMESPACE).map(({ spec }) => [spec.hosts[0], spec.tcp[0]!.route]));
  const visible = list<Sidecar>('sidecars', own)[0]?.spec.egress.flatMap(({ hosts }) => hosts.map((one) => one.split('/')[1]));
  const name = (host: string): string => host.split('.')[0]!;
  const meaning = new Map<string, Shares>();
  for (const { metadata, spec } of services) {
    const host = `${metadata.name}.${NAMESPACE}.svc.cluster.local`;
    if (visible !== undefined && !visible.includes(host)) continue;
    const route = routes.get(host) ?? [{ destination: { host }, weight: 1 }];
    const total = route.reduce((sum, { weight }) => sum + weight, 0);
    for (const address of spec.clusterIPs) {
      const shares: Record<string, number> = {};
      for (const { destination, weight } of route) {
        const ready = readyOf(slices.get(name(destination.host)) ?? [], isIPv6(address));
        for (const endpoint of ready) shares[endpoint] = (shares[endpoint] ?? 0) + weight / total / ready.length;
      }
      meaning.set(at(address, PORT), shares);
    }
  }
  return meaning;
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
