// SPDX-License-Identifier: Apache-2.0
// Which fields a resource sets, by their names in the definitions: `cluster.v3.Cluster.lb_policy`. Messages in an Any are
// looked into where their definitions are known.
import { gunzipSync } from 'node:zlib';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { FILE_DESCRIPTOR_SET } from '../../daemon/proto/descriptors.js';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, gunzipSync(Buffer.from(FILE_DESCRIPTOR_SET, 'base64'))));

export interface AnyMessage {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** Names of the v2 API that v3 has under another one, with the same fields. */
const RENAMED: Readonly<Record<string, string>> = {
  'envoy.api.v2.Cluster': 'envoy.config.cluster.v3.Cluster',
  'envoy.api.v2.ClusterLoadAssignment': 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  'envoy.api.v2.Listener': 'envoy.config.listener.v3.Listener',
  'envoy.api.v2.RouteConfiguration': 'envoy.config.route.v3.RouteConfiguration',
  'envoy.config.filter.network.tcp_proxy.v2.TcpProxy': 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
  'envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager': 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
};

/** Names that say nothing of Envoy itself. */
const COMMON = /^google\.protobuf\./;

const shortName = (name: string): string => name.replace(/^envoy\.(config\.|extensions\.)?/, '');

/** Adds the fields that are set, down to the last message, and the types of messages in an Any. */
export function addFields({ typeUrl, value }: AnyMessage, fields: Set<string>): void {
  const given = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  const name = RENAMED[given] ?? given;
  const description = registry.getMessage(name);
  if (!description) {
    fields.add(`any ${name}`);
    return;
  }
  addMessage(reflect(description, fromBinary(description, value)), fields);
}

function addMessage(message: ReflectMessage, fields: Set<string>): void {
  if (message.desc.typeName === 'google.protobuf.Any') {
    addFields(message.message as unknown as AnyMessage, fields);
    return;
  }
  if (COMMON.test(message.desc.typeName)) return;
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    fields.add(`${shortName(message.desc.typeName)}.${field.name}`);
    for (const inner of messagesOf(message.get(field))) addMessage(inner, fields);
  }
}

/** A field's messages: one, a list's or a map's. */
function messagesOf(value: unknown): ReflectMessage[] {
  const isMessage = (one: unknown): one is ReflectMessage => typeof one === 'object' && one !== null && 'desc' in one && 'message' in one;
  if (isMessage(value)) return [value];
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) return [];
  const items = [...(value as Iterable<unknown>)].map((item) => (Array.isArray(item) ? (item as unknown[])[1] : item));
  return items.filter(isMessage);
}
