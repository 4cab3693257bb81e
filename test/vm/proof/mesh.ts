// SPDX-License-Identifier: Apache-2.0
/** The mesh of test/vm/requests as xDS files, with endpoints on addresses that the guest gives itself. */
import fs from 'node:fs';
import path from 'node:path';
import { MISSING_CLUSTER, type RequestTable, type Resource } from '../requests/table.js';

/** All endpoints listen here. */
export const ENDPOINT_PORT = 8000;

/** Ranges of the endpoints; the guest makes them its own. */
export const ENDPOINT_RANGES = ['10.77.0.0/16', 'fd00:77::/32'] as const;

/** What is not one endpoint of both families. */
const TWO_ENDPOINTS: ReadonlySet<string> = new Set(['shop', 'fallback']);
/** Clients of IPv6 are steered to its IPv4 endpoint. */
const IPV4_ONLY: ReadonlySet<string> = new Set(['docs']);

export interface Endpoint {
  /** CLUSTER-NUMBER. */
  readonly name: string;
  readonly cluster: string;
  readonly addresses: readonly string[];
}

export class ProofMesh {
  /** For XDS_ADDRESS. */
  readonly folder: string;
  readonly endpoints: readonly Endpoint[];

  constructor(table: RequestTable, folder: string) {
    this.folder = folder;
    fs.mkdirSync(folder, { recursive: true });
    const clusters = [...namedClusters([...table.mesh.values()])].filter((name) => name !== MISSING_CLUSTER).sort();
    this.endpoints = clusters.flatMap((cluster, place) => endpointsOf(cluster, place + 1));
    this.write('clusters.json', clusters.map(clusterResource));
    this.write('endpoints.json', clusters.map((cluster) => assignment(cluster, this.endpoints)));
    for (const [file, resources] of table.mesh) this.write(file.replace(/\.yaml$/, '.json'), resources);
  }

  /** As an editor saves: written beside its place, then renamed. */
  write(file: string, resources: readonly Resource[]): void {
    const place = path.join(this.folder, file);
    fs.writeFileSync(`${place}.new`, JSON.stringify({ resources }, undefined, 1));
    fs.renameSync(`${place}.new`, place);
  }

  addressesOf(clusters: readonly string[]): string[] {
    return this.endpoints.filter(({ cluster }) => clusters.includes(cluster)).flatMap(({ addresses }) => addresses);
  }

  /** Address -> name, as backends.mjs wants it. */
  get names(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.endpoints.flatMap(({ name, addresses }) => addresses.map((address) => [address, name])));
  }
}

/** Every cluster that a route or a filter leads to. */
function namedClusters(value: unknown): Set<string> {
  if (Array.isArray(value)) return new Set(value.flatMap((one) => [...namedClusters(one)]));
  if (typeof value !== 'object' || value === null) return new Set();
  return new Set(
    Object.entries(value).flatMap(([key, field]) => {
      if (key === 'cluster') return [String(field)];
      if (key === 'weighted_clusters') return (field as { clusters: { name: string }[] }).clusters.map(({ name }) => name);
      return [...namedClusters(field)];
    }),
  );
}

function endpointsOf(cluster: string, place: number): Endpoint[] {
  return (TWO_ENDPOINTS.has(cluster) ? [1, 2] : [1]).map((number) => ({
    name: `${cluster}-${number}`,
    cluster,
    addresses: [`10.77.${place}.${number}`, ...(IPV4_ONLY.has(cluster) ? [] : [`fd00:77::${place}:${number}`])],
  }));
}

export function clusterResource(name: string): Resource {
  return {
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    name,
    type: 'EDS',
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    eds_cluster_config: { eds_config: { ads: {} } },
  };
}

export function assignment(cluster: string, endpoints: readonly Endpoint[]): Resource {
  const addresses = endpoints.filter((one) => one.cluster === cluster).flatMap((one) => one.addresses);
  return {
    '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
    cluster_name: cluster,
    endpoints: [{ lb_endpoints: addresses.map((address) => ({ endpoint: { address: { socket_address: { address, port_value: ENDPOINT_PORT } } } })) }],
  };
}
