// SPDX-License-Identifier: Apache-2.0
import { SocketAddress_Protocol } from '../proto/envoy/config/core/v3/address.js';
import type { Address } from '../proto/envoy/config/core/v3/address.js';
import { parseIp } from './address.js';
import type { Ip } from './address.js';

const LAST_PORT = 65535;

/** An Envoy address as far as a TCP connect() can use it. */
export type SocketName =
  | { readonly kind: 'ip'; readonly ip: Ip; readonly port: number; readonly ipv4Compat: boolean }
  | { readonly kind: 'host'; readonly host: string; readonly port: number }
  /** `feature`: what it is, for the list of what is not enforced. */
  | { readonly kind: 'unusable'; readonly feature: string; readonly problem: string };

/** Reads envoy.config.core.v3.Address. */
export function readAddress(address: Address | undefined): SocketName {
  const inner = address?.address;
  if (inner === undefined) return unusable('address', 'there is no address');
  if (inner.$case === 'pipe') return unusable('pipe_address', `a Unix socket (${inner.value.path}) is not reached by TCP`);
  if (inner.$case === 'envoyInternalAddress') return unusable('internal_address', "an address inside Envoy (a tunnel's listener) does not exist on this node");
  const socket = inner.value;
  if (socket.protocol === SocketAddress_Protocol.UDP) return unusable('udp', 'only TCP is steered');
  if (socket.portSpecifier?.$case === 'namedPort') return unusable('named_port', `the port is a name (${socket.portSpecifier.value})`);
  const port = socket.portSpecifier?.value ?? 0;
  if (port > LAST_PORT) return unusable('address', `port ${port} is above ${LAST_PORT}`);
  const ip = parseIp(socket.address);
  return ip ? { kind: 'ip', ip, port, ipv4Compat: socket.ipv4Compat } : { kind: 'host', host: socket.address, port };
}

const unusable = (feature: string, problem: string): SocketName => ({ kind: 'unusable', feature, problem });
