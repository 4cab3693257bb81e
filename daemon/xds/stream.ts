// SPDX-License-Identifier: Apache-2.0
import { status, type Client, type ClientDuplexStream, type Metadata, type StatusObject } from '@grpc/grpc-js';
import { messageOf } from '../errors.js';
import type { Node } from '../proto/envoy/config/core/v3/base.js';
import { AggregatedDiscoveryServiceService } from '../proto/envoy/service/discovery/v3/ads.js';
import { DiscoveryRequest, DiscoveryResponse } from '../proto/envoy/service/discovery/v3/discovery.js';
import type { Any } from '../proto/google/protobuf/any.js';
import { KINDS, kindOfType, perKind, type ResourceKind } from './kinds.js';

/** What a stream needs from its owner. */
export interface StreamOwner {
  /** Names to ask for; none for kinds that are asked for as a whole. */
  names(kind: ResourceKind): readonly string[];
  /** Takes an answer. @returns why it is rejected, undefined to accept it. */
  pushed(kind: ResourceKind, version: string, resources: readonly Any[]): string | undefined;
  /** Called once. */
  ended(end: StreamEnd): void;
}

/** How a stream ended: by the control plane or the network, or because of what came over it. */
export type StreamEnd = { readonly by: 'status'; readonly status: StatusObject } | { readonly by: 'garbage'; readonly reason: string };

/** Where the subscription to one kind stands. */
interface Subscription {
  /** Of the newest answer on this stream, accepted or not. */
  nonce: string;
  /** Names of the newest request, joined; undefined before the first. */
  asked: string | undefined;
}

const METHOD = AggregatedDiscoveryServiceService.streamAggregatedResources;

/**
 * One stream of aggregated discovery, state of the world. Rules of the xDS protocol: the node goes with the
 * first request; every answer is acknowledged by a request that repeats its nonce, with its version when it
 * is accepted, else with the version accepted before and the reason; a change of names is a request too.
 */
export class AdsStream {
  readonly #call: ClientDuplexStream<DiscoveryRequest, Buffer>;
  readonly #owner: StreamOwner;
  readonly #versions: Record<ResourceKind, string>;
  readonly #subscriptions = perKind((): Subscription => ({ nonce: '', asked: undefined }));
  /** Goes with the next request. */
  #node: Node | undefined;
  #ended = false;

  /** @param versions accepted last, of earlier streams too; kept up to date. */
  constructor(client: Client, metadata: Metadata, node: Node, versions: Record<ResourceKind, string>, owner: StreamOwner) {
    this.#owner = owner;
    this.#versions = versions;
    this.#node = node;
    // Answers stay bytes until #take, where what is not a message can be told from a broken connection.
    this.#call = client.makeBidiStreamRequest(METHOD.path, METHOD.requestSerialize, (bytes: Buffer) => bytes, metadata);
    this.#call.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#call.on('status', (end: StatusObject) => this.#end({ by: 'status', status: end }));
    // Every error comes as a status as well.
    this.#call.on('error', () => undefined);
    this.#request('clusters');
    this.#request('listeners');
    this.#subscribe('endpoints');
    this.#subscribe('routes');
  }

  /** Ends the stream without a call back. */
  cancel(): void {
    this.#ended = true;
    this.#call.cancel();
  }

  #take(bytes: Buffer): void {
    if (this.#ended) return;
    let response: DiscoveryResponse;
    try {
      response = DiscoveryResponse.decode(bytes);
    } catch (error) {
      this.#garbage(`a message of ${bytes.length} bytes is not a DiscoveryResponse: ${messageOf(error)}`);
      return;
    }
    const kind = kindOfType(response.typeUrl);
    if (kind === undefined || this.#subscriptions[kind].asked === undefined) {
      this.#garbage(`an answer of type ${JSON.stringify(response.typeUrl.slice(0, 200))}, which was not asked for`);
      return;
    }
    this.#answer(kind, response);
  }

  #answer(kind: ResourceKind, { versionInfo, nonce, resources }: DiscoveryResponse): void {
    const reason = this.#owner.pushed(kind, versionInfo, resources);
    if (reason === undefined) this.#versions[kind] = versionInfo;
    this.#subscriptions[kind].nonce = nonce;
    this.#request(kind, reason);
    if (kind === 'clusters') this.#subscribe('endpoints');
    if (kind === 'listeners') this.#subscribe('routes');
  }

  /** Asks for a kind whose names changed. Nothing is asked for while nobody wants anything of it. */
  #subscribe(kind: 'endpoints' | 'routes'): void {
    const names = this.#owner.names(kind).join('\n');
    if (names !== (this.#subscriptions[kind].asked ?? '')) this.#request(kind);
  }

  #request(kind: ResourceKind, rejection?: string): void {
    // Whoever was told of the answer may have stopped the stream.
    if (this.#ended) return;
    const subscription = this.#subscriptions[kind];
    const resourceNames = [...this.#owner.names(kind)];
    subscription.asked = resourceNames.join('\n');
    this.#call.write(
      DiscoveryRequest.fromPartial({
        node: this.#node,
        typeUrl: KINDS[kind].typeUrl,
        versionInfo: this.#versions[kind],
        responseNonce: subscription.nonce,
        resourceNames,
        errorDetail: rejection === undefined ? undefined : { code: status.INVALID_ARGUMENT, message: rejection },
      }),
    );
    this.#node = undefined;
  }

  #garbage(reason: string): void {
    this.#end({ by: 'garbage', reason });
    this.#call.cancel();
  }

  #end(end: StreamEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.ended(end);
  }
}
