// SPDX-License-Identifier: Apache-2.0
// A control plane for tests: aggregated discovery, state of the world, over real gRPC on loopback. Either it
// sends exactly what the test says (`push`, `send`), or it holds resources (`serve`) and answers like istiod.
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type StatusObject,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { Cluster } from '../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../../daemon/proto/envoy/config/listener/v3/listener.js';
import { RouteConfiguration } from '../../daemon/proto/envoy/config/route/v3/route.js';
import { AggregatedDiscoveryServiceService } from '../../daemon/proto/envoy/service/discovery/v3/ads.js';
import { DiscoveryRequest, DiscoveryResponse } from '../../daemon/proto/envoy/service/discovery/v3/discovery.js';
import type { Any } from '../../daemon/proto/google/protobuf/any.js';
import { KINDS, RESOURCE_KINDS, kindOfType, perKind, type ResourceKind } from '../../daemon/xds/kinds.js';
import type { Certificates } from './certificates.js';
import { Inbox } from './inbox.js';

/** A request as it came. */
export interface Received {
  /** Counts the streams of this server from 1. */
  readonly stream: number;
  readonly kind: ResourceKind | undefined;
  readonly request: DiscoveryRequest;
  readonly metadata: Metadata;
}

export type Refusal = Pick<StatusObject, 'code' | 'details'>;

export interface AdsServerOptions {
  /** undefined: plaintext. */
  readonly tls?: Certificates;
  /** Looked at with the first request of each stream; a refusal ends the stream. */
  readonly refuse?: (received: Received) => Refusal | undefined;
}

/** The resources that `serve` holds. */
export interface Mesh {
  readonly clusters?: readonly Cluster[];
  readonly endpoints?: readonly ClusterLoadAssignment[];
  readonly listeners?: readonly Listener[];
  readonly routes?: readonly RouteConfiguration[];
}

type Call = ServerDuplexStream<DiscoveryRequest, Buffer>;

/** Any of a resource: what goes into DiscoveryResponse.resources. */
export const packed = {
  cluster: (resource: Cluster): Any => ({ typeUrl: KINDS.clusters.typeUrl, value: Buffer.from(Cluster.encode(resource).finish()) }),
  endpoints: (resource: ClusterLoadAssignment): Any => ({ typeUrl: KINDS.endpoints.typeUrl, value: Buffer.from(ClusterLoadAssignment.encode(resource).finish()) }),
  listener: (resource: Listener): Any => ({ typeUrl: KINDS.listeners.typeUrl, value: Buffer.from(Listener.encode(resource).finish()) }),
  route: (resource: RouteConfiguration): Any => ({ typeUrl: KINDS.routes.typeUrl, value: Buffer.from(RouteConfiguration.encode(resource).finish()) }),
};

export class AdsServer {
  readonly #options: AdsServerOptions;
  #server: Server | undefined;
  #port = 0;
  #call: Call | undefined;
  #streams = 0;
  #nonce = 0;
  #version = 0;
  readonly #inbox = new Inbox<Received>();
  #mesh: Record<ResourceKind, ReadonlyMap<string, Any>> | undefined;
  /** Names of the newest request of each kind on the stream that is open. */
  #asked: Record<ResourceKind, string | undefined> = perKind(() => undefined);

  constructor(options: AdsServerOptions = {}) {
    this.#options = options;
  }

  /** Listens on 127.0.0.1; after `stop` again on the same port. */
  async start(): Promise<void> {
    const server = new Server({ 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 });
    server.addService(definition, { streamAggregatedResources: (call: Call) => this.#accept(call) } as UntypedServiceImplementation);
    this.#port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${this.#port}`, credentialsOf(this.#options.tls), (error, port) => (error ? reject(error) : resolve(port)));
    });
    this.#server = server;
  }

  /** Cuts all streams. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.#call = undefined;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** All requests so far. */
  get received(): readonly Received[] {
    return this.#inbox.all;
  }

  /** Takes the first request that matches and was not taken before; waits for it when it has not come yet. */
  take(match: (received: Received) => boolean): Promise<Received> {
    return this.#inbox.take(match);
  }

  /** Takes the request by which a kind was subscribed to on the n-th stream. */
  subscription(kind: ResourceKind, stream = 1): Promise<Received> {
    return this.take((received) => received.kind === kind && received.stream === stream && received.request.responseNonce === '');
  }

  /** Sends resources of one kind. @returns the request that acknowledges or rejects them. */
  async push(kind: ResourceKind, resources: readonly Any[]): Promise<DiscoveryRequest> {
    const { nonce } = this.#push(kind, resources);
    return (await this.take(({ request }) => request.responseNonce === nonce)).request;
  }

  /** Sends a message as it is: a capture, or garbage. `taken` is called when it went to the network. */
  send(message: Buffer, taken?: () => void): void {
    this.#call?.write(message, taken);
  }

  /** Ends the stream that is open with a status. */
  end(refusal: Refusal): void {
    this.#call?.emit('error', { ...refusal, metadata: new Metadata() });
  }

  /** Holds these resources from now on: pushes the kinds that changed and answers requests from them. */
  serve(mesh: Mesh): void {
    this.servePacked({
      clusters: byName(mesh.clusters ?? [], (resource) => [resource.name, packed.cluster(resource)]),
      endpoints: byName(mesh.endpoints ?? [], (resource) => [resource.clusterName, packed.endpoints(resource)]),
      listeners: byName(mesh.listeners ?? [], (resource) => [resource.name, packed.listener(resource)]),
      routes: byName(mesh.routes ?? [], (resource) => [resource.name, packed.route(resource)]),
    });
  }

  /** The same of resources that are encoded already. */
  servePacked(mesh: Record<ResourceKind, ReadonlyMap<string, Any>>): void {
    const before = this.#mesh;
    this.#mesh = mesh;
    for (const kind of RESOURCE_KINDS) {
      if (this.#asked[kind] !== undefined && !sameResources(before?.[kind], mesh[kind])) this.#answer(kind);
    }
  }

  #accept(call: Call): void {
    this.#call = call;
    this.#asked = perKind(() => undefined);
    const stream = (this.#streams += 1);
    let first = true;
    call.on('data', (request: DiscoveryRequest) => {
      const received: Received = { stream, kind: kindOfType(request.typeUrl), request, metadata: call.metadata };
      this.#inbox.add(received);
      const refusal = first ? this.#options.refuse?.(received) : undefined;
      first = false;
      if (refusal !== undefined) call.emit('error', { ...refusal, metadata: new Metadata() });
      else if (call === this.#call) this.#respond(received);
    });
    call.on('end', () => call.end());
    call.on('error', () => undefined);
  }

  /** An acknowledgement with the names of before needs no answer. */
  #respond({ kind, request }: Received): void {
    if (kind === undefined) return;
    const names = request.resourceNames.join();
    const news = this.#asked[kind] !== names;
    this.#asked[kind] = names;
    if (news && this.#mesh !== undefined) this.#answer(kind);
  }

  #answer(kind: ResourceKind): void {
    const held = this.#mesh?.[kind] ?? new Map<string, Any>();
    const whole = kind === 'clusters' || kind === 'listeners';
    const asked = new Set(this.#asked[kind]?.split(',') ?? []);
    this.#push(kind, [...held].filter(([name]) => whole || asked.has(name)).map(([, resource]) => resource));
  }

  #push(kind: ResourceKind, resources: readonly Any[]): DiscoveryResponse {
    const response = DiscoveryResponse.fromPartial({ versionInfo: `v${(this.#version += 1)}`, typeUrl: KINDS[kind].typeUrl, nonce: `n${(this.#nonce += 1)}` });
    response.resources = [...resources];
    this.send(Buffer.from(DiscoveryResponse.encode(response).finish()));
    return response;
  }
}

/** As generated, but answers are bytes: captures go out as they are. */
const definition: ServiceDefinition = {
  streamAggregatedResources: { ...AggregatedDiscoveryServiceService.streamAggregatedResources, responseSerialize: (message: Buffer) => message },
};

function credentialsOf(tls: Certificates | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(null, [{ cert_chain: tls.certificate, private_key: tls.key }]);
}

function byName<T>(resources: readonly T[], entry: (resource: T) => readonly [string, Any]): ReadonlyMap<string, Any> {
  return new Map(resources.map(entry));
}

function sameResources(a: ReadonlyMap<string, Any> | undefined, b: ReadonlyMap<string, Any>): boolean {
  return a !== undefined && a.size === b.size && [...b].every(([name, { value }]) => a.get(name)?.value.equals(value) === true);
}
