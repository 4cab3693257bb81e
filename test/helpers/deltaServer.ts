// SPDX-License-Identifier: Apache-2.0
// A control plane for tests: incremental aggregated discovery over real gRPC on loopback. Either it sends exactly what
// the test says (`push`, `send`), or it holds resources (`serve`) and answers subscriptions by the rules of the xDS protocol.
import { Metadata, Server, ServerCredentials, type ServerDuplexStream, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { AggregatedDiscoveryServiceService } from '../../daemon/proto/envoy/service/discovery/v3/ads.js';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource } from '../../daemon/proto/envoy/service/discovery/v3/discovery.js';
import type { Any } from '../../daemon/proto/google/protobuf/any.js';
import { KINDS, RESOURCE_KINDS, kindOfType, perKind, type ResourceKind } from '../../daemon/xds/kinds.js';
import type { Refusal } from './adsServer.js';
import { Inbox } from './inbox.js';

/** A request as it came. */
export interface DeltaReceived {
  /** Counts the streams of this server from 1. */
  readonly stream: number;
  readonly kind: ResourceKind | undefined;
  readonly request: DeltaDiscoveryRequest;
}

/** Resources by kind and name. */
export type DeltaMesh = Partial<Record<ResourceKind, Readonly<Record<string, Any>>>>;

type Call = ServerDuplexStream<DeltaDiscoveryRequest, Buffer>;

interface Held {
  readonly any: Any;
  readonly version: string;
}

export class DeltaServer {
  #server: Server | undefined;
  #port = 0;
  #call: Call | undefined;
  #streams = 0;
  #onStream: (() => void) | undefined;
  #nonce = 0;
  #version = 0;
  readonly #inbox = new Inbox<DeltaReceived>();
  #mesh: Record<ResourceKind, Map<string, Held>> | undefined;
  /** What the client of the stream that is open was sent, with versions; undefined: it has not asked for the kind. */
  #sent = perKind((): Map<string, string> | undefined => undefined);
  #names = perKind(() => new Set<string>());

  /** Listens on 127.0.0.1; after `stop` again on the same port. */
  async start(): Promise<void> {
    const server = new Server({ 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 });
    server.addService(definition, { deltaAggregatedResources: (call: Call) => this.#accept(call) } as UntypedServiceImplementation);
    this.#port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${this.#port}`, ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port)));
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

  get received(): readonly DeltaReceived[] {
    return this.#inbox.all;
  }

  /** Takes the first request that matches and was not taken before; waits for it when it has not come yet. */
  take(match: (received: DeltaReceived) => boolean): Promise<DeltaReceived> {
    return this.#inbox.take(match);
  }

  /** Takes the first request for a kind on the n-th stream. */
  subscription(kind: ResourceKind, stream = 1): Promise<DeltaReceived> {
    return this.take((received) => received.kind === kind && received.stream === stream && received.request.responseNonce === '');
  }

  /** Sends resources by name, and names that are gone, as soon as there is a stream. @returns the request that acknowledges or rejects them. */
  async push(kind: ResourceKind, resources: Readonly<Record<string, Any>>, removed: readonly string[] = [], version = ''): Promise<DeltaDiscoveryRequest> {
    if (!this.#call) await new Promise<void>((resolve) => (this.#onStream = resolve));
    const nonce = this.#push(kind, Object.entries(resources).map(([name, any]) => ({ name, any, version })), removed);
    return (await this.take(({ request }) => request.responseNonce === nonce)).request;
  }

  /** Sends a message as it is: a capture, or garbage. */
  send(message: Buffer): void {
    this.#call?.write(message);
  }

  /** Ends the stream that is open with a status. */
  end(refusal: Refusal): void {
    this.#call?.emit('error', { ...refusal, metadata: new Metadata() });
  }

  /** Holds these resources from now on and sends what that changes. */
  serve(mesh: DeltaMesh): void {
    const before = this.#mesh;
    this.#mesh = perKind((kind) => new Map(Object.entries(mesh[kind] ?? {}).map(([name, any]) => [name, this.#hold(before?.[kind].get(name), any)])));
    for (const kind of RESOURCE_KINDS) if (this.#sent[kind]) this.#update(kind, new Set());
  }

  #hold(before: Held | undefined, any: Any): Held {
    return before?.any.value.equals(any.value) ? before : { any, version: `v${(this.#version += 1)}` };
  }

  #accept(call: Call): void {
    this.#call = call;
    this.#onStream?.();
    this.#sent = perKind(() => undefined);
    this.#names = perKind(() => new Set());
    const stream = (this.#streams += 1);
    call.on('data', (request: DeltaDiscoveryRequest) => {
      const kind = kindOfType(request.typeUrl);
      this.#inbox.add({ stream, kind, request });
      if (kind && call === this.#call) this.#respond(kind, request);
    });
    call.on('end', () => call.end());
    call.on('error', () => undefined);
  }

  #respond(kind: ResourceKind, { resourceNamesSubscribe, resourceNamesUnsubscribe, initialResourceVersions }: DeltaDiscoveryRequest): void {
    const first = this.#sent[kind] === undefined;
    this.#sent[kind] ??= new Map(Object.entries(initialResourceVersions));
    for (const name of resourceNamesSubscribe) this.#names[kind].add(name);
    for (const name of resourceNamesUnsubscribe) {
      this.#names[kind].delete(name);
      this.#sent[kind].delete(name);
    }
    // With the first request the client says what it has; later it may have forgotten what it asks for again.
    if (this.#mesh && (first || resourceNamesSubscribe.length > 0)) this.#update(kind, new Set(first ? [] : resourceNamesSubscribe), first);
  }

  /** Sends what the client lacks of what it asks for, and these names in any case. */
  #update(kind: ResourceKind, again: ReadonlySet<string>, always = false): void {
    const sent = this.#sent[kind]!;
    const mesh = this.#mesh![kind];
    const all = kind === 'clusters' || kind === 'listeners';
    const wanted = all ? [...mesh.keys()] : [...this.#names[kind]];
    const news = wanted.flatMap((name) => {
      const held = mesh.get(name);
      return held && (again.has(name) || sent.get(name) !== held.version) ? [{ name, ...held }] : [];
    });
    const removed = [...new Set([...sent.keys(), ...again, ...(always && !all ? wanted : [])])].filter((name) => !mesh.has(name));
    for (const { name, version } of news) sent.set(name, version);
    for (const name of removed) sent.delete(name);
    if (news.length + removed.length > 0 || (always && all)) this.#push(kind, news, removed);
  }

  #push(kind: ResourceKind, resources: readonly { name: string; any: Any; version: string }[], removed: readonly string[]): string {
    const nonce = `n${(this.#nonce += 1)}`;
    const response = DeltaDiscoveryResponse.fromPartial({ typeUrl: KINDS[kind].typeUrl, nonce, removedResources: [...removed] });
    response.resources = resources.map(({ name, any, version }) => ({ ...Resource.fromPartial({ name, version }), resource: any }));
    this.send(Buffer.from(DeltaDiscoveryResponse.encode(response).finish()));
    return nonce;
  }
}

/** As generated, but answers are bytes: captures go out as they are. */
const definition: ServiceDefinition = {
  deltaAggregatedResources: { ...AggregatedDiscoveryServiceService.deltaAggregatedResources, responseSerialize: (message: Buffer) => message },
};
