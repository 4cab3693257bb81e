// SPDX-License-Identifier: Apache-2.0
import { HttpConnectionManager } from '../proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { TcpProxy } from '../proto/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import { TypedStruct as UdpaTypedStruct } from '../proto/udpa/type/v1/typed_struct.js';
import { TypedStruct as XdsTypedStruct } from '../proto/xds/type/v3/typed_struct.js';
import type { Any } from '../proto/google/protobuf/any.js';

interface Codec<T> {
  decode(bytes: Uint8Array): T;
}

/** A message that is what its type says, or why it is not. */
export type Opened<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** Decodes; garbage becomes a problem, never an exception. */
export function open<T>(codec: Codec<T>, any: Any): Opened<T> {
  try {
    return { ok: true, value: codec.decode(any.value) };
  } catch (error) {
    return { ok: false, problem: `${messageName(any)} does not decode: ${(error as Error).message}` };
  }
}

/** Full name of the message, without the host part of the type URL (google/protobuf/any.proto). */
export const messageName = (any: Any): string => any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1);

/** Names of the v2 API are kept: its messages agree with v3 in the fields that are used here. */
const TCP_PROXY = new Set(['envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', 'envoy.config.filter.network.tcp_proxy.v2.TcpProxy']);
const HTTP_CONNECTION_MANAGER = new Set([
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  'envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager',
]);

export type TerminalFilter =
  | { readonly kind: 'tcp'; readonly config: TcpProxy }
  | { readonly kind: 'http'; readonly config: HttpConnectionManager }
  | { readonly kind: 'broken'; readonly problem: string };

/** The network filter that ends a chain; undefined when it is another one. */
export function openTerminal(any: Any): TerminalFilter | undefined {
  const name = messageName(any);
  if (TCP_PROXY.has(name)) {
    const opened = open(TcpProxy, any);
    return opened.ok ? { kind: 'tcp', config: opened.value } : { kind: 'broken', problem: opened.problem };
  }
  if (HTTP_CONNECTION_MANAGER.has(name)) {
    const opened = open(HttpConnectionManager, any);
    return opened.ok ? { kind: 'http', config: opened.value } : { kind: 'broken', problem: opened.problem };
  }
  return undefined;
}

/** The message name that a TypedStruct stands for, or the message's own. */
export function innerMessageName(any: Any): string {
  const name = messageName(any);
  const codec: Codec<{ typeUrl: string }> | undefined =
    name === 'udpa.type.v1.TypedStruct' ? UdpaTypedStruct : name === 'xds.type.v3.TypedStruct' ? XdsTypedStruct : undefined;
  const opened = codec && open(codec, any);
  return opened?.ok ? opened.value.typeUrl.slice(opened.value.typeUrl.lastIndexOf('/') + 1) : name;
}
