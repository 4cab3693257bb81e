// SPDX-License-Identifier: Apache-2.0
import type { Resources, RouteResource } from '../model/resources.js';
import { Cluster } from '../proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../proto/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../proto/envoy/config/listener/v3/listener.js';
import { RouteConfiguration } from '../proto/envoy/config/route/v3/route.js';
import { heldAsBytes } from './held.js';

/** The four types of resource that this node asks for, named as in `Resources`. */
export type ResourceKind = 'clusters' | 'endpoints' | 'listeners' | 'routes';

type MapValue<M> = M extends ReadonlyMap<string, infer V> ? V : never;
/** The message of a kind: `ResourceOf<'clusters'>` is Cluster. */
export type ResourceOf<K extends ResourceKind> = MapValue<Resources[K]>;

export interface KindInfo<K extends ResourceKind = ResourceKind> {
  readonly typeName: string;
  readonly typeUrl: string;
  /** Short name that operators know it by. */
  readonly label: string;
  readonly decode: (bytes: Uint8Array) => ResourceOf<K>;
  readonly nameOf: (resource: ResourceOf<K>) => string;
  /** What is kept of one and its bytes. */
  readonly hold: (resource: ResourceOf<K>, bytes: Uint8Array) => ResourceOf<K>;
}

const TYPE_PREFIX = 'type.googleapis.com/';

function info<T>(typeName: string, label: string, decode: (bytes: Uint8Array) => T, nameOf: (resource: T) => string, hold: (resource: T, bytes: Uint8Array) => T) {
  return { typeName, typeUrl: `${TYPE_PREFIX}${typeName}`, label, decode, nameOf, hold };
}

/** In the order in which they are subscribed to: a cluster before its endpoints, a listener before its routes. */
export const KINDS: { readonly [K in ResourceKind]: KindInfo<K> } = {
  clusters: info('envoy.config.cluster.v3.Cluster', 'CDS', (bytes) => Cluster.decode(bytes), (resource) => resource.name, heldAsBytes(Cluster, 'name')),
  endpoints: info('envoy.config.endpoint.v3.ClusterLoadAssignment', 'EDS', (bytes) => ClusterLoadAssignment.decode(bytes), (resource) => resource.clusterName, heldAsBytes(ClusterLoadAssignment, 'clusterName')),
  listeners: info('envoy.config.listener.v3.Listener', 'LDS', (bytes) => Listener.decode(bytes), (resource) => resource.name, heldAsBytes(Listener, 'name')),
  routes: info<RouteResource>('envoy.config.route.v3.RouteConfiguration', 'RDS', (bytes) => RouteConfiguration.decode(bytes), (resource) => resource.name, (resource) => resource),
};

export const RESOURCE_KINDS = Object.keys(KINDS) as readonly ResourceKind[];

/** Kind of a type URL or a bare type name; undefined for types that are not asked for. */
export function kindOfType(typeUrl: string): ResourceKind | undefined {
  const typeName = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  return RESOURCE_KINDS.find((kind) => KINDS[kind].typeName === typeName);
}

/** One of something for each kind. */
export function perKind<T>(make: (kind: ResourceKind) => T): Record<ResourceKind, T> {
  return { clusters: make('clusters'), endpoints: make('endpoints'), listeners: make('listeners'), routes: make('routes') };
}
