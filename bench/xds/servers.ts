// SPDX-License-Identifier: Apache-2.0
/** Control planes of both variants. Everything is encoded before time is taken. */
import type { ClusterLoadAssignment } from '../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import type { Any } from '../../daemon/proto/google/protobuf/any.js';
import type { ResourceKind } from '../../daemon/xds/kinds.js';
import { AdsServer, packed } from '../../test/helpers/adsServer.js';
import { DeltaServer } from '../../test/helpers/deltaServer.js';
import type { Mesh } from './mesh.js';

export const VARIANTS = ['sotw', 'delta'] as const;
export type VariantName = (typeof VARIANTS)[number];

export type PackedMesh = Record<ResourceKind, ReadonlyMap<string, Any>>;

export interface BenchServer {
  readonly address: string;
  start(): Promise<void>;
  stop(): void;
  pack(mesh: Mesh): PackedMesh;
  /** Resolves when the daemon asked for clusters and listeners. */
  connected(): Promise<unknown>;
  serve(mesh: PackedMesh): void;
  /** Pushes one load assignment; resolves with its acknowledgement. */
  change(name: string, assignment: ClusterLoadAssignment): Promise<void>;
}

function pack({ clusters, endpoints, listeners, routes }: Mesh): PackedMesh {
  return {
    clusters: new Map(clusters.map((one) => [one.name, packed.cluster(one)])),
    endpoints: new Map(endpoints.map((one) => [one.clusterName, packed.endpoints(one)])),
    listeners: new Map(listeners.map((one) => [one.name, packed.listener(one)])),
    routes: new Map(routes.map((one) => [one.name, packed.route(one)])),
  };
}

export function createServer(variant: VariantName): BenchServer {
  const server = variant === 'sotw' ? new AdsServer() : new DeltaServer();
  return {
    get address() {
      return server.address;
    },
    start: () => server.start(),
    stop: () => server.stop(),
    pack,
    connected: async () => {
      await server.subscription('clusters');
      await server.subscription('listeners');
    },
    serve: (mesh) => {
      if (server instanceof DeltaServer) server.serve({ clusters: Object.fromEntries(mesh.clusters), endpoints: Object.fromEntries(mesh.endpoints), listeners: Object.fromEntries(mesh.listeners), routes: Object.fromEntries(mesh.routes) });
      else server.servePacked(mesh);
    },
    change: async (name, assignment) => {
      if (server instanceof DeltaServer) await server.push('endpoints', { [name]: packed.endpoints(assignment) });
      else await server.push('endpoints', [packed.endpoints(assignment)]);
    },
  };
}
