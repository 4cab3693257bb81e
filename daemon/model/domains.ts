// SPDX-License-Identifier: Apache-2.0
import { parseIp } from './address.js';
import type { Ip } from './address.js';

export interface DomainAddress {
  readonly ip: Ip;
  /** undefined: of any port. */
  readonly port: number | undefined;
}

/** A domain of a virtual host as far as it tells an address: `10.0.0.1`, `10.0.0.1:80`, `::1`, `[::1]`, `[::1]:80`. */
export function domainAddress(domain: string): DomainAddress | undefined {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(domain);
  const dotted = /^([\d.]+)(?::(\d{1,5}))?$/.exec(domain);
  const [, host = domain, port] = bracketed ?? dotted ?? [];
  const ip = parseIp(host);
  if (!ip || (bracketed && ip.family === 4 && !host.includes(':'))) return undefined;
  return { ip, port: port === undefined ? undefined : Number(port) };
}
