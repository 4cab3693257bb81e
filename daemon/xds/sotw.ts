// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import type { Slices } from '../model/slices.js';
import type { Node } from '../proto/envoy/config/core/v3/base.js';
import { AggregatedDiscoveryServiceService } from '../proto/envoy/service/discovery/v3/ads.js';
import { DiscoveryRequest, DiscoveryResponse } from '../proto/envoy/service/discovery/v3/discovery.js';
import type { Answer } from './answer.js';
import { readAny, readResponse } from './frames.js';
import { KINDS, perKind, type ResourceKind } from './kinds.js';
import { askedKind, encodeNames, type Subscriptions, type Variant } from './variant.js';

/** Where the subscription to one kind stands. */
interface Subscription {
  /** Of the newest answer on this stream, accepted or not. */
  nonce: string;
  /** Names of the newest request; undefined before the first. */
  asked: readonly string[] | undefined;
  /** The same as they are in a request: every acknowledgement repeats the names of all services. */
  encoded: Uint8Array;
}

/** DiscoveryRequest.resource_names (envoy/service/discovery/v3/discovery.proto). */
const RESOURCE_NAMES = 3;

/**
 * State of the world. Rules of the xDS protocol: the node goes with the first request; every answer is acknowledged by a
 * request that repeats its nonce, with its version when it is accepted, else with the version accepted before and the
 * reason; a change of names is a request too.
 */
export class StateOfTheWorld implements Variant {
  readonly path = AggregatedDiscoveryServiceService.streamAggregatedResources.path;
  readonly #resources: Pick<Subscriptions, 'names'>;
  readonly #versions: Record<ResourceKind, string>;
  readonly #subscriptions = perKind((): Subscription => ({ nonce: '', asked: undefined, encoded: new Uint8Array() }));
  /** Goes with the next request. */
  #node: Node | undefined;

  /** @param versions accepted last, of earlier streams too; kept up to date. */
  constructor(node: Node, versions: Record<ResourceKind, string>, resources: Pick<Subscriptions, 'names'>) {
    this.#node = node;
    this.#versions = versions;
    this.#resources = resources;
  }

  begin(): readonly Uint8Array[] {
    return [this.#request('clusters'), this.#request('listeners'), ...this.#subscribe('endpoints'), ...this.#subscribe('routes')];
  }

  *read(bytes: Uint8Array): Slices<Answer> {
    const { typeUrl, versionInfo, nonce, resources } = yield* readResponse(bytes, readAny, (rest) => DiscoveryResponse.decode(rest));
    const kind = askedKind(typeUrl, (one) => this.#subscriptions[one].asked !== undefined);
    return { kind, version: versionInfo, nonce, resources: resources.map((any) => ({ any, named: undefined })), removed: undefined };
  }

  reply({ kind, version, nonce }: Answer, rejection: string | undefined): readonly Uint8Array[] {
    if (rejection === undefined) this.#versions[kind] = version;
    this.#subscriptions[kind].nonce = nonce;
    const replies = [this.#request(kind, rejection)];
    if (kind === 'clusters') replies.push(...this.#subscribe('endpoints'));
    if (kind === 'listeners') replies.push(...this.#subscribe('routes'));
    return replies;
  }

  /** Asks for a kind whose names changed. Nothing is asked for while nobody wants anything of it: no names would mean all. */
  #subscribe(kind: 'endpoints' | 'routes'): Uint8Array[] {
    return isSame(this.#resources.names(kind), this.#subscriptions[kind].asked ?? []) ? [] : [this.#request(kind)];
  }

  #request(kind: ResourceKind, rejection?: string): Uint8Array {
    const subscription = this.#subscriptions[kind];
    const names = this.#resources.names(kind);
    if (!isSame(names, subscription.asked)) subscription.encoded = encodeNames(RESOURCE_NAMES, names);
    subscription.asked = names;
    const request = DiscoveryRequest.fromPartial({
      node: this.#node,
      typeUrl: KINDS[kind].typeUrl,
      versionInfo: this.#versions[kind],
      responseNonce: subscription.nonce,
      errorDetail: rejection === undefined ? undefined : { code: status.INVALID_ARGUMENT, message: rejection },
    });
    this.#node = undefined;
    // Fields of a message may come in any order.
    return Buffer.concat([DiscoveryRequest.encode(request).finish(), subscription.encoded]);
  }
}

const isSame = (names: readonly string[], others: readonly string[] | undefined): boolean => names === others || (names.length === others?.length && names.every((name, i) => name === others[i]));
