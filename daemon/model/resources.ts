import type { Cluster as ClusterProto } from '../proto/envoy/config/cluster/v3/cluster.js';
import type { ClusterLoadAssignment } from '../proto/envoy/config/endpoint/v3/endpoint.js';
import type { Listener } from '../proto/envoy/config/listener/v3/listener.js';
import type { RouteConfiguration } from '../proto/envoy/config/route/v3/route.js';
import type { VirtualHost } from '../proto/envoy/config/route/v3/route_components.js';
import type { Ejections } from './outliers.js';

/** A route configuration whose virtual hosts may be made anew each time one looks at them: as objects they take 20 times their bytes. */
export type RouteResource = Omit<RouteConfiguration, 'virtualHosts'> & { readonly virtualHosts: Iterable<VirtualHost> };

/**
 * The xDS resources that are in force, by name: the input of the model. An object is replaced, never
 * changed, when its resource changes, so that work done for an unchanged object can be kept by identity.
 */
export interface Resources {
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly routes: ReadonlyMap<string, RouteResource>;
  readonly clusters: ReadonlyMap<string, ClusterProto>;
  /** By cluster name, or by `eds_cluster_config.service_name` where a cluster has one. */
  readonly endpoints: ReadonlyMap<string, ClusterLoadAssignment>;
  /** Addresses that STRICT_DNS and LOGICAL_DNS host names resolved to; absent: not resolved yet. */
  readonly resolved: ReadonlyMap<string, readonly string[]>;
  /** Endpoints that outlier detection took out, by cluster; undefined: none. */
  readonly ejected?: Ejections | undefined;
}
