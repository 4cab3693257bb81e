// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import type { Slices } from '../model/slices.js';
import type { Node } from '../proto/envoy/config/core/v3/base.js';
import { AggregatedDiscoveryServiceService } from '../proto/envoy/service/discovery/v3/ads.js';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../proto/envoy/service/discovery/v3/discovery.js';
import type { Any } from '../proto/google/protobuf/any.js';
import type { Answer, Incoming } from './answer.js';
import { readResource, readResponse } from './frames.js';
import { KINDS, perKind, type ResourceKind } from './kinds.js';
import { askedKind, encodeNames, type Subscriptions, type Variant } from './variant.js';

/** A request's own part; node, type and encoding are added. */
type Part = Pick<Partial<DeltaDiscoveryRequest>, 'resourceNamesSubscribe' | 'resourceNamesUnsubscribe' | 'initialResourceVersions' | 'responseNonce' | 'errorDetail'>;

/** DeltaDiscoveryRequest.resource_names_subscribe and resource_names_unsubscribe. */
const SUBSCRIBE = 3;
const UNSUBSCRIBE = 4;

const NOTHING: Any = { typeUrl: '', value: Buffer.alloc(0) };

/**
 * Incremental discovery. Rules of the xDS protocol: the first request of a type on a stream names what is held, with its
 * versions, so that the control plane sends what is new and names what is gone; every answer is acknowledged by a request
 * that repeats its nonce, with the reason when it is rejected; names that come and go are requests of their own, without
 * a nonce. Clusters and listeners are asked for as a whole by a first request without names.
 */
export class Incremental implements Variant {
  readonly path = AggregatedDiscoveryServiceService.deltaAggregatedResources.path;
  readonly #resources: Subscriptions;
  /** Names that were subscribed to on this stream; undefined before the first request of a kind. */
  readonly #subscribed: Record<ResourceKind, ReadonlySet<string> | undefined> = perKind(() => undefined);
  /** Goes with the next request. */
  #node: Node | undefined;

  constructor(node: Node, resources: Subscriptions) {
    this.#node = node;
    this.#resources = resources;
  }

  begin(): readonly Uint8Array[] {
    return [...this.#subscribeToAll('clusters'), ...this.#subscribeToAll('listeners'), ...this.#subscribe('endpoints'), ...this.#subscribe('routes')];
  }

  *read(bytes: Uint8Array): Slices<Answer> {
    const { typeUrl, systemVersionInfo, nonce, resources, removedResources } = yield* readResponse(
      bytes,
      readResource,
      (rest) => DeltaDiscoveryResponse.decode(rest),
    );
    const kind = askedKind(typeUrl, (one) => this.#subscribed[one] !== undefined);
    const incoming = resources.map(({ name, version, resource }): Incoming => ({ any: resource ?? NOTHING, named: { name, version } }));
    return { kind, version: systemVersionInfo, nonce, resources: incoming, removed: removedResources };
  }

  reply({ kind, nonce }: Answer, rejection: string | undefined): readonly Uint8Array[] {
    const errorDetail = rejection === undefined ? undefined : { code: status.INVALID_ARGUMENT, message: rejection, details: [] };
    const replies = [this.#request(kind, { responseNonce: nonce, errorDetail })];
    if (kind === 'clusters') replies.push(...this.#subscribe('endpoints'));
    if (kind === 'listeners') replies.push(...this.#subscribe('routes'));
    return replies;
  }

  #subscribeToAll(kind: 'clusters' | 'listeners'): Uint8Array[] {
    this.#subscribed[kind] = new Set();
    return [this.#request(kind, { initialResourceVersions: this.#held(kind) })];
  }

  /** Names that came and went since the last request. A first request without names would ask for everything. */
  #subscribe(kind: 'endpoints' | 'routes'): Uint8Array[] {
    const before = this.#subscribed[kind];
    const names = new Set(this.#resources.names(kind));
    const resourceNamesSubscribe = [...names].filter((name) => before?.has(name) !== true);
    const resourceNamesUnsubscribe = before === undefined ? [] : [...before].filter((name) => !names.has(name));
    if (resourceNamesSubscribe.length + resourceNamesUnsubscribe.length === 0) return [];
    this.#subscribed[kind] = names;
    return [this.#request(kind, { resourceNamesSubscribe, resourceNamesUnsubscribe, initialResourceVersions: before === undefined ? this.#held(kind) : {} })];
  }

  #held(kind: ResourceKind): Record<string, string> {
    return Object.fromEntries(this.#resources.versions(kind));
  }

  #request(kind: ResourceKind, { resourceNamesSubscribe = [], resourceNamesUnsubscribe = [], ...part }: Part): Uint8Array {
    const request = DeltaDiscoveryRequest.fromPartial({ node: this.#node, typeUrl: KINDS[kind].typeUrl });
    this.#node = undefined;
    const encoded = DeltaDiscoveryRequest.encode({ ...request, ...part }).finish();
    // Fields of a message may come in any order.
    return Buffer.concat([encoded, encodeNames(SUBSCRIBE, resourceNamesSubscribe), encodeNames(UNSUBSCRIBE, resourceNamesUnsubscribe)]);
  }
}
