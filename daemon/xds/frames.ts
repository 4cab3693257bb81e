// SPDX-License-Identifier: Apache-2.0
import { createHash, hash } from 'node:crypto';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { Slices } from '../model/slices.js';
import type { RouteResource } from '../model/resources.js';
import { RouteConfiguration } from '../proto/envoy/config/route/v3/route.js';
import { VirtualHost } from '../proto/envoy/config/route/v3/route_components.js';
import type { Any } from '../proto/google/protobuf/any.js';
import { bytesOf, textOf } from './held.js';

/** Resources in one answer: the maps hold less. Each takes memory, however few bytes it has on the wire. */
export const MOST_RESOURCES = 1 << 20;

const NO_BYTES: Any['value'] = Buffer.alloc(0);

/** Field numbers: envoy/service/discovery/v3/discovery.proto (both kinds of response), envoy/config/route/v3/route.proto. */
const RESOURCES = 2;
const VIRTUAL_HOSTS = 2;

/**
 * Reads a message in slices: the elements of its one long field one by one, all other fields at the end.
 *
 * @throws when the bytes are no such message, or hold more than `most` elements.
 */
export function* readLong<T, E>(bytes: Uint8Array, field: number, most: number, element: (bytes: Uint8Array) => E, rest: (bytes: Uint8Array) => T): Slices<{ readonly message: T; readonly elements: E[] }> {
  const reader = new BinaryReader(bytes);
  const elements: E[] = [];
  const others: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, type] = reader.tag();
    if (number === field && type === WireType.LengthDelimited) {
      if (elements.length === most) throw new Error(`it holds more than ${most} elements`);
      elements.push(element(reader.bytes()));
      yield;
    } else {
      reader.skip(type, number);
      others.push(bytes.subarray(start, reader.pos));
    }
  }
  return { message: rest(Buffer.concat(others)), elements };
}

/** google.protobuf.Any. Its value is a view: a route table of tens of megabytes is not copied. */
export function readAny(bytes: Uint8Array): Any {
  const reader = new BinaryReader(bytes);
  const any: Any = { typeUrl: '', value: NO_BYTES };
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type !== WireType.LengthDelimited) reader.skip(type, number);
    else if (number === 1) any.typeUrl = reader.string();
    else if (number === 2) any.value = viewOf(reader.bytes());
    else reader.skip(type, number);
  }
  return any;
}

/** What is needed of envoy.service.discovery.v3.Resource. */
export function readResource(bytes: Uint8Array): { readonly name: string; readonly version: string; readonly resource: Any | undefined } {
  const reader = new BinaryReader(bytes);
  const read = { name: '', version: '', resource: undefined as Any | undefined };
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type !== WireType.LengthDelimited) reader.skip(type, number);
    else if (number === 1) read.version = reader.string();
    else if (number === 2) read.resource = readAny(reader.bytes());
    else if (number === 3) read.name = reader.string();
    else reader.skip(type, number);
  }
  return read;
}

/** The name of a resource that cannot be opened, where its outermost level can be read: field 1 in all four types. */
export function nameIn(bytes: Uint8Array): string | undefined {
  const reader = new BinaryReader(bytes);
  let name = '';
  try {
    while (reader.pos < reader.len) {
      const [number, type] = reader.tag();
      if (number === 1 && type === WireType.LengthDelimited) name = reader.string();
      else reader.skip(type, number);
    }
  } catch {
    return undefined;
  }
  return name === '' ? undefined : name;
}

const viewOf = (bytes: Uint8Array): Any['value'] => Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);

/** Reads a DiscoveryResponse or a DeltaDiscoveryResponse. */
export function* readResponse<T extends { resources: E[] }, E>(bytes: Uint8Array, element: (bytes: Uint8Array) => E, rest: (bytes: Uint8Array) => T): Slices<T> {
  const { message, elements } = yield* readLong(bytes, RESOURCES, MOST_RESOURCES, element, rest);
  message.resources = elements;
  return message;
}

/** A route table of a large mesh holds the virtual hosts of all services: tens of megabytes in one resource. */
export function* readRouteConfiguration(bytes: Uint8Array): Slices<{ readonly resource: RouteResource; readonly heads: readonly HostHead[] }> {
  const { message, elements } = yield* readLong(bytes, VIRTUAL_HOSTS, Infinity, readHost, (other) => RouteConfiguration.decode(other));
  return { resource: { ...message, virtualHosts: new EncodedHosts(elements.map(({ encoded }) => encoded)) }, heads: elements.map(({ head }) => head) };
}

/** By what a virtual host is accepted or refused. */
export type HostHead = Pick<VirtualHost, 'name' | 'domains'>;

function readHost(bytes: Uint8Array): { readonly head: HostHead; readonly encoded: string } {
  const { name, domains } = VirtualHost.decode(bytes);
  return { head: { name, domains }, encoded: textOf(bytes) };
}

class EncodedHosts implements Iterable<VirtualHost> {
  readonly #hosts: readonly string[];

  constructor(hosts: readonly string[]) {
    this.#hosts = hosts;
  }

  *[Symbol.iterator](): Iterator<VirtualHost> {
    for (const host of this.#hosts) yield VirtualHost.decode(bytesOf(host));
  }
}

/** Bytes that are hashed at one go: about a millisecond. */
const HASHED_AT_ONCE = 1 << 20;

/** A digest by which equal bytes are known. */
export function* digestOf(bytes: Uint8Array): Slices<string> {
  if (bytes.length <= HASHED_AT_ONCE) return hash('sha256', bytes, 'base64');
  const sha256 = createHash('sha256');
  for (let from = 0; from < bytes.length; from += HASHED_AT_ONCE) {
    sha256.update(bytes.subarray(from, from + HASHED_AT_ONCE));
    yield;
  }
  return sha256.digest('base64');
}
