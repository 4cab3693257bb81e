// SPDX-License-Identifier: Apache-2.0
import { WireType } from '@bufbuild/protobuf/wire';
import type { Slices } from '../model/slices.js';
import type { Answer } from './answer.js';
import { kindOfType, type ResourceKind } from './kinds.js';

/** Variants of aggregated discovery: the state of the world, or incremental. */
export const XDS_PROTOCOLS = ['sotw', 'delta'] as const;
export type XdsProtocol = (typeof XDS_PROTOCOLS)[number];

/** One variant's side of one stream: what to send, and how to read what comes. Requests are bytes. */
export interface Variant {
  /** Path of the gRPC method. */
  readonly path: string;
  /** The first requests of the stream. */
  begin(): readonly Uint8Array[];
  /** @throws when the bytes are no answer to something that was asked. */
  read(bytes: Uint8Array): Slices<Answer>;
  /**
   * What to send when an answer was taken.
   *
   * @param rejection why it was rejected; undefined: it was accepted.
   */
  reply(answer: Answer, rejection: string | undefined): readonly Uint8Array[];
}

/** What a variant needs to know of the resources. */
export interface Subscriptions {
  /** Names to ask for; none for kinds that are asked for as a whole. */
  names(kind: ResourceKind): readonly string[];
  /** Versions of what is held, by name: incremental discovery begins with them. */
  versions(kind: ResourceKind): ReadonlyMap<string, string>;
}

/** @throws for a type that is none of those that are asked for. */
export function askedKind(typeUrl: string, asked: (kind: ResourceKind) => boolean): ResourceKind {
  const kind = kindOfType(typeUrl);
  if (kind === undefined || !asked(kind)) throw new Error(`an answer of type ${JSON.stringify(typeUrl.slice(0, 200))}, which was not asked for`);
  return kind;
}

/** A repeated field of strings as it is in a message. There may be tens of thousands: a general writer takes ten times as long. */
export function encodeNames(field: number, names: readonly string[]): Buffer {
  const lengths = names.map((name) => Buffer.byteLength(name));
  const most = lengths.reduce((sum, length) => sum + MOST_HEAD_BYTES + length, 0);
  const bytes = Buffer.allocUnsafe(most);
  let at = 0;
  for (const [i, name] of names.entries()) {
    bytes[at++] = (field << 3) | WireType.LengthDelimited;
    let length = lengths[i]!;
    for (; length > 0x7f; length >>>= 7) bytes[at++] = (length & 0x7f) | 0x80;
    bytes[at++] = length;
    at += bytes.write(name, at);
  }
  return bytes.subarray(0, at);
}

/** Of a field with a number below 16: its tag and the length as a varint. */
const MOST_HEAD_BYTES = 6;
