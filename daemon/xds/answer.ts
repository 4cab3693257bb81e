// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../errors.js';
import type { Slices } from '../model/slices.js';
import { Resource } from '../proto/envoy/service/discovery/v3/discovery.js';
import type { Any } from '../proto/google/protobuf/any.js';
import { digestOf, nameIn, readRouteConfiguration } from './frames.js';
import { KINDS, kindOfType, type ResourceKind, type ResourceOf } from './kinds.js';
import { wantedAssignment, wantedHosts, wantedRoutes, type Want, type WantedHost } from './references.js';

/** For each kind: the reason why a resource cannot be used, undefined when it can. */
export type Validators = { readonly [K in ResourceKind]: (resource: ResourceOf<K>) => string | undefined };

/** A resource that is held. */
export interface Entry<K extends ResourceKind = ResourceKind> {
  readonly name: string;
  /** Of the bytes it came as: equal digests are the same resource, so that the object can be kept. */
  readonly digest: string;
  readonly value: ResourceOf<K>;
  /** Resources of the next kind that this one asks for: load assignments of a cluster, route tables of a listener. */
  readonly wants: readonly Want[];
  /** Host names to resolve. */
  readonly hosts: readonly WantedHost[];
}

/** `name` is undefined when the resource is too broken to have one. */
export interface Rejection {
  readonly name: string | undefined;
  readonly reason: string;
}

export interface ParsedAnswer<K extends ResourceKind> {
  readonly entries: ReadonlyMap<string, Entry<K>>;
  readonly rejected: readonly Rejection[];
}

/** A resource as it came. */
export interface Incoming {
  readonly any: Any;
  /** What an incremental answer says of it; undefined in state-of-the-world answers, where only the resource itself tells. */
  readonly named: { readonly name: string; readonly version: string } | undefined;
}

/** What a control plane sent. */
export interface Answer<K extends ResourceKind = ResourceKind> {
  readonly kind: K;
  /** Of the whole answer; in incremental answers for people only. */
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly Incoming[];
  /** Names of resources that are gone; undefined in state-of-the-world answers. */
  readonly removed: readonly string[] | undefined;
}

/** An opened resource, or why it cannot be opened. */
type Opened<K extends ResourceKind> = Entry<K> | Rejection;

/** Finds a held entry by the digest of its bytes. */
type Known<K extends ResourceKind> = (digest: string) => Entry<K> | undefined;

/**
 * Opens the resources of one answer. Each stands for itself: what cannot be used is rejected with its reason
 * and the others are returned.
 *
 * @param known what it finds is returned as it is.
 */
export function* parseAnswer<K extends ResourceKind>(kind: K, resources: readonly Incoming[], validate: Validators[K], known: Known<K>): Slices<ParsedAnswer<K>> {
  const entries = new Map<string, Entry<K>>();
  const rejected: Rejection[] = [];
  const duplicates = new Set<string>();
  for (const [index, resource] of resources.entries()) {
    const opened = yield* open(kind, resource, index, validate, known);
    if ('reason' in opened) rejected.push(opened);
    else if (entries.has(opened.name)) duplicates.add(opened.name);
    else entries.set(opened.name, opened);
    yield;
  }
  for (const name of duplicates) {
    // Which of them is meant cannot be known.
    entries.delete(name);
    rejected.push({ name, reason: 'is there more than once' });
  }
  return { entries, rejected };
}

function* open<K extends ResourceKind>(kind: K, { any, named }: Incoming, index: number, validate: Validators[K], known: Known<K>): Slices<Opened<K>> {
  const name = named?.name;
  let bytes: Uint8Array = new Uint8Array();
  try {
    const { typeUrl, value } = unwrap(any);
    bytes = value;
    if (kindOfType(typeUrl) !== kind) return { name, reason: `resources[${index}] is of type ${JSON.stringify(typeUrl.slice(0, 200))}` };
    const digest = yield* digestOf(bytes);
    const opened = known(digest) ?? (yield* decode(kind, bytes, digest, index, validate));
    if (name === undefined || 'reason' in opened || opened.name === name) return opened;
    return { name, reason: `resources[${index}] is called ${JSON.stringify(opened.name.slice(0, 200))} in itself` };
  } catch (error) {
    return { name: name ?? nameIn(bytes), reason: `resources[${index}] cannot be decoded: ${messageOf(error)}` };
  }
}

function* decode<K extends ResourceKind>(kind: K, bytes: Uint8Array, digest: string, index: number, validate: Validators[K]): Slices<Opened<K>> {
  const { value, shown } = yield* read(kind, bytes);
  const name = KINDS[kind].nameOf(value);
  if (name === '') return { name: undefined, reason: `resources[${index}] has no name` };
  try {
    const reason = validate(shown);
    return reason === undefined ? { name, digest, value: KINDS[kind].hold(value, bytes), ...references(kind, value) } : { name, reason };
  } catch (error) {
    return { name, reason: messageOf(error) };
  }
}

/** Most resources ask for nothing, and there are thousands of them. */
const NONE: readonly never[] = [];

/** @returns `shown`: what tells whether it can be used, where that is less than all of it. */
function* read<K extends ResourceKind>(kind: K, bytes: Uint8Array): Slices<{ readonly value: ResourceOf<K>; readonly shown: ResourceOf<K> }> {
  if (kind !== 'routes') {
    const value = KINDS[kind].decode(bytes);
    return { value, shown: value };
  }
  const { resource, heads } = yield* readRouteConfiguration(bytes);
  return { value: resource as ResourceOf<K>, shown: { ...resource, virtualHosts: heads } as unknown as ResourceOf<K> };
}

function references<K extends ResourceKind>(kind: K, value: ResourceOf<K>): Pick<Entry, 'wants' | 'hosts'> {
  if (kind === 'clusters') {
    const cluster = value as ResourceOf<'clusters'>;
    const assignment = wantedAssignment(cluster);
    const hosts = wantedHosts(cluster);
    return { wants: assignment === undefined ? NONE : [assignment], hosts: hosts.length === 0 ? NONE : hosts };
  }
  const wants = kind === 'listeners' ? wantedRoutes(value as ResourceOf<'listeners'>) : NONE;
  return { wants: wants.length === 0 ? NONE : wants, hosts: NONE };
}

const WRAPPER = '/envoy.service.discovery.v3.Resource';

/** A server may wrap a resource to say how long it lives; the wrapper means nothing here. */
function unwrap(resource: Any): Any {
  if (!resource.typeUrl.endsWith(WRAPPER)) return resource;
  return Resource.decode(resource.value).resource ?? { typeUrl: '', value: Buffer.alloc(0) };
}

const MOST_REASONS = 20;
const LONGEST_REASON = 300;

/** What a control plane is told: the reasons, bounded, since they travel in one message and into logs. */
export function describeRejections(kind: ResourceKind, rejected: readonly Rejection[]): string {
  const lines = rejected.slice(0, MOST_REASONS).map(({ name, reason }) => {
    const text = name === undefined ? reason : `${JSON.stringify(name.slice(0, LONGEST_REASON))}: ${reason}`;
    return text.slice(0, 2 * LONGEST_REASON);
  });
  if (rejected.length > MOST_REASONS) lines.push(`and ${rejected.length - MOST_REASONS} more`);
  return `${KINDS[kind].label}: ${lines.join('; ')}`;
}
