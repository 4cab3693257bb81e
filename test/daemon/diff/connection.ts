// SPDX-License-Identifier: Apache-2.0
import net from 'node:net';
import type { FrontendRecordKey } from '../../../daemon/diff/operations.js';
import type { Request } from '../model/routing/walk.js';
import type { Kernel, Outcomes } from './interpreter.js';
import { resolveRequest } from './requests.js';

/** A connect(), and what its client sends. */
export interface Connection {
  /** As the client names it, in canonical text. */
  readonly address: string;
  readonly port: number;
  /** An IPv6 socket also for an IPv4 address. */
  readonly v6Socket?: boolean;
  /** undefined: the request is not read. */
  readonly request?: Request | undefined;
}

const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

export const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

/** Whether an address is in a range; by Node's own arithmetic. */
export function isWithin(address: string, network: string, prefixLength: number): boolean {
  if (familyOf(address) !== familyOf(network)) return false;
  const family = familyOf(address) === 4 ? 'ipv4' : 'ipv6';
  const range = new net.BlockList();
  if (prefixLength === 0) return true;
  range.addSubnet(network, prefixLength, family);
  return range.check(address, family);
}

/** The frontend that the connect hook finds: the exact one, else, but for loopback, that of the longest prefix. */
function frontendOf(kernel: Kernel, { address, port }: Connection): FrontendRecordKey | undefined {
  const family = familyOf(address);
  const exact = { family, address, prefixLength: family === 4 ? 32 : 128, port } as const;
  if (kernel.frontend(exact)) return exact;
  if (isLoopback(address)) return undefined;
  const ranges = [...kernel.maps.km_prefix.values()].map(({ key }) => key as FrontendRecordKey).filter((key) => key.port === port && isWithin(address, key.address, key.prefixLength));
  return ranges.sort((a, b) => b.prefixLength - a.prefixLength)[0];
}

/** What the maps make of a connection. */
export function connect(kernel: Kernel, connection: Connection): Outcomes {
  const where = frontendOf(kernel, connection);
  if (!where) return new Map([['no listener', 1]]);
  const socket = familyOf(connection.address) === 6 ? 6 : connection.v6Socket ? 'mapped' : 4;
  return connection.request ? resolveRequest(kernel, where, connection.request, socket) : kernel.resolve(where, socket);
}
