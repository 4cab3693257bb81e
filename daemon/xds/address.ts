// SPDX-License-Identifier: Apache-2.0
import { isIP, isIPv6 } from 'node:net';
import { fileURLToPath } from 'node:url';
import { DaemonError } from '../errors.js';

/** Where the resources come from. */
export type XdsAddress =
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'grpc';
      readonly host: string;
      readonly port: number;
      /** The name that the certificate has to be for; undefined: plaintext. */
      readonly serverName: string | undefined;
    };

/** istiod's ports: discovery without TLS, and with TLS and a token. */
const PLAINTEXT_PORT = 15010;
const TLS_PORT = 15012;
/** The name on istiod's certificate: what to ask for where the address is a bare IP, which certificates do not carry. */
const ISTIOD_NAME = 'istiod.istio-system.svc';

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})?(\.[a-z0-9_]([a-z0-9_-]{0,62})?)*\.?$/i;
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Reads `host:port`, `[IPv6]:port`, `namespace:service` (port 15012 of service.namespace.svc) or `file:///path`.
 *
 * @param plaintext no TLS whatever the port.
 * @throws DaemonError KM_XDS_ADDRESS
 */
export function parseXdsAddress(text: string, plaintext: boolean): XdsAddress {
  if (/^file:/i.test(text)) return { kind: 'file', path: filePath(text) };
  const [, bracketed, plain, last] = /^(?:\[([^\]]*)\]|([^:\[\]]*)):([^:]*)$/.exec(text) ?? [];
  if (last === undefined) throw refuse(text, 'it is none of the known forms (an IPv6 address goes in brackets)');
  if (bracketed !== undefined) {
    if (!isIPv6(bracketed)) throw refuse(text, `${JSON.stringify(bracketed)} is not an IPv6 address`);
    return endpoint(bracketed, portOf(text, last), plaintext);
  }
  const host = plain ?? '';
  if (/^\d*$/.test(last)) {
    if (isIP(host) === 0 && !HOST_NAME.test(host)) throw refuse(text, `${JSON.stringify(host)} is not a host name`);
    return endpoint(host, portOf(text, last), plaintext);
  }
  if (!DNS_LABEL.test(host) || !DNS_LABEL.test(last)) throw refuse(text, 'it is neither host:port nor namespace:service');
  return endpoint(`${last}.${host}.svc`, TLS_PORT, plaintext);
}

function endpoint(host: string, port: number, plaintext: boolean): XdsAddress {
  const tls = !plaintext && port !== PLAINTEXT_PORT;
  return { kind: 'grpc', host, port, serverName: tls ? (isIP(host) === 0 ? host : ISTIOD_NAME) : undefined };
}

function portOf(text: string, digits: string): number {
  const port = Number(digits);
  if (!/^\d{1,5}$/.test(digits) || port < 1 || port > 65535) throw refuse(text, 'the port is a number from 1 to 65535');
  return port;
}

function filePath(text: string): string {
  try {
    return fileURLToPath(text);
  } catch (error) {
    throw refuse(text, 'a file is named as file:///absolute/path', error);
  }
}

function refuse(text: string, why: string, cause?: unknown): DaemonError {
  return new DaemonError('KM_XDS_ADDRESS', `XDS_ADDRESS ${JSON.stringify(text.slice(0, 300))}: ${why}`, { cause });
}
