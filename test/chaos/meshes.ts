// SPDX-License-Identifier: Apache-2.0
/** What the control plane of the chaos lane says, in variants, and who is right then. */
import type { Mesh } from '../helpers/adsServer.js';
import { assignment, edsCluster, tcpListener } from '../mesh/resources.js';
import type { Backend, Truth } from './load.js';

const V4 = ['b0', 'b1', 'b2', 'b3', 'b4', 'b5'];
const V6 = ['c0', 'c1'];

export const BACKENDS: readonly Backend[] = [
  ...V4.map((name, i) => ({ name, address: '127.0.0.1', port: 7100 + i })),
  ...V6.map((name, i) => ({ name, address: '::1', port: 7200 + i })),
];

const WEB = '10.96.0.1';
const OTHER = '10.96.0.2';
const WEB6 = 'fd00:10:96::1';

/** Clusters by name with their backends, and the cluster of each service. */
interface Variant {
  readonly clusters: Readonly<Record<string, readonly string[]>>;
  readonly services: Readonly<Record<string, string>>;
}

/** Endpoints come and go, services change their cluster, clusters come and go. */
const VARIANTS: readonly Variant[] = [
  { clusters: { web: ['b0', 'b1'], other: ['b4'], web6: ['c0'] }, services: { [WEB]: 'web', [OTHER]: 'other', [WEB6]: 'web6' } },
  { clusters: { web: ['b2', 'b3'], other: ['b4', 'b5'], web6: ['c1'] }, services: { [WEB]: 'web', [OTHER]: 'other', [WEB6]: 'web6' } },
  { clusters: { next: ['b3', 'b0'], other: ['b5'], web6: ['c0', 'c1'] }, services: { [WEB]: 'next', [OTHER]: 'other', [WEB6]: 'web6' } },
  { clusters: { web: ['b4'], next: ['b1', 'b2', 'b3'], web6: ['c1'] }, services: { [WEB]: 'web', [OTHER]: 'next', [WEB6]: 'web6' } },
];

export const MESHES = VARIANTS.length;

const placeOf = (name: string): string => {
  const { address, port } = BACKENDS.find((backend) => backend.name === name)!;
  return `${address}:${port}`;
};

export function meshOf(n: number): Mesh {
  const { clusters, services } = VARIANTS[n]!;
  return {
    clusters: Object.keys(clusters).map(edsCluster),
    endpoints: Object.entries(clusters).map(([name, backends]) => assignment(name, ...backends.map(placeOf))),
    listeners: Object.entries(services).map(([service, cluster]) => tcpListener(`${service}:80`, cluster)),
  };
}

export function rightOf(n: number): Truth {
  const { clusters, services } = VARIANTS[n]!;
  return Object.fromEntries(Object.entries(services).map(([service, cluster]) => [`${service} 80`, clusters[cluster]!]));
}

export const union = (a: Truth, b: Truth): Truth => Object.fromEntries(Object.keys({ ...a, ...b }).map((service) => [service, [...new Set([...(a[service] ?? []), ...(b[service] ?? [])])]]));

/** The slots of its clusters, as ChaosNode reads them. */
export function slotsOf(n: number): string {
  const at = (name: string): string => {
    const { address, port } = BACKENDS.find((backend) => backend.name === name)!;
    return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  };
  return Object.entries(VARIANTS[n]!.clusters).flatMap(([cluster, backends]) => backends.map((name) => `${cluster} ${at(name)}`)).sort().join();
}
