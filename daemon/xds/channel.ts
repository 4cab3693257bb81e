// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { createSecureContext } from 'node:tls';
import { Client, Metadata, credentials, status, type ChannelCredentials, type ClientOptions, type StatusObject } from '@grpc/grpc-js';
import { DaemonError, messageOf, type DaemonErrorCode } from '../errors.js';
import type { XdsAddress } from './address.js';

export interface SecretFiles {
  readonly rootCert: string;
  readonly token: string;
}

export interface Channel {
  readonly client: Client;
  /** Goes with the call: the bearer token. */
  readonly metadata: Metadata;
}

type GrpcAddress = Extract<XdsAddress, { kind: 'grpc' }>;

/** The longest message, in bytes. The clusters of 10,000 services are 22 MB in one, and a route table of theirs is as large. */
export const MOST_MESSAGE_BYTES = 256 << 20;

/** A peer that vanished without a word is noticed by pings, in milliseconds. */
export interface Keepalive {
  readonly everyMs: number;
  /** How long an answer to a ping is waited for. */
  readonly withinMs: number;
}

/** istiod allows a ping every 15 s. */
export const KEEPALIVE: Keepalive = { everyMs: 30_000, withinMs: 10_000 };

const OPTIONS: ClientOptions = {
  'grpc.max_receive_message_length': MOST_MESSAGE_BYTES,
  // Attempts are paced by this program alone: no connection and no pause is shared with an earlier attempt.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};

/**
 * A new channel for one stream. Certificate and token are read now: both are replaced on disk while the
 * daemon runs. No connection is made yet.
 *
 * @throws DaemonError KM_XDS_ROOT_CERT, KM_XDS_TOKEN
 */
export function openChannel(address: GrpcAddress, files: SecretFiles, keepalive: Keepalive = KEEPALIVE): Channel {
  const metadata = new Metadata();
  const common = { ...OPTIONS, 'grpc.keepalive_time_ms': keepalive.everyMs, 'grpc.keepalive_timeout_ms': keepalive.withinMs };
  const target = `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
  if (address.serverName === undefined) return { client: new Client(target, credentials.createInsecure(), common), metadata };
  const secure = tlsCredentials(files.rootCert);
  metadata.set('authorization', `Bearer ${readToken(files.token)}`);
  const options = { ...common, 'grpc.ssl_target_name_override': address.serverName, 'grpc.default_authority': address.serverName };
  return { client: new Client(target, secure, options), metadata };
}

/** @throws DaemonError KM_XDS_ROOT_CERT */
export function tlsCredentials(file: string): ChannelCredentials {
  try {
    const ca = readFileSync(file);
    // TLS takes a root that is none without a word, and then finds nothing signed by it.
    new X509Certificate(ca);
    // The least version is said here, since Node's own default can be lowered from outside (--tls-min-v1.0, NODE_OPTIONS).
    return credentials.createFromSecureContext(createSecureContext({ ca, minVersion: 'TLSv1.2' }));
  } catch (error) {
    throw new DaemonError('KM_XDS_ROOT_CERT', `root certificate ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function readToken(file: string): string {
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new DaemonError('KM_XDS_TOKEN', `token ${file}: ${messageOf(error)}`, { cause: error });
  }
  // The text itself stays out of the message: logs are no place for it.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new DaemonError('KM_XDS_TOKEN', `token ${file}: is empty or not a token`);
  return token;
}

const CERTIFICATE_TROUBLE = /certificate|altname|SSL|TLS|EPROTO/i;

/** What the end of a stream means to the user. Numbers: google.rpc.Code. */
export function explainStatus({ code, details }: Pick<StatusObject, 'code' | 'details'>, target: GrpcAddress): { code: DaemonErrorCode; reason: string } {
  const where = `${target.host}:${target.port}`;
  const text = details.replace(/\s*Resolution note:\s*$/, '').slice(0, 1000);
  const said = text === '' ? '' : `: ${text}`;
  switch (code) {
    case status.UNAUTHENTICATED:
      return { code: 'KM_XDS_TOKEN_REFUSED', reason: `${where} refused the token${said}` };
    case status.PERMISSION_DENIED:
      return { code: 'KM_XDS_IDENTITY_REFUSED', reason: `${where} refused the identity of this node${said}` };
    case status.UNIMPLEMENTED:
      return { code: 'KM_XDS_PROTOCOL', reason: `${where} does not serve aggregated discovery in the variant of --xds-protocol${said}` };
    case status.RESOURCE_EXHAUSTED:
      if (!/message larger than max/.test(details)) break;
      return { code: 'KM_XDS_TOO_LARGE', reason: `${where} sent an answer of more than ${MOST_MESSAGE_BYTES >> 20} MiB${said}` };
    case status.UNAVAILABLE:
      if (target.serverName !== undefined && CERTIFICATE_TROUBLE.test(details)) return { code: 'KM_XDS_TLS', reason: `${where} as ${target.serverName}${said}` };
      return { code: 'KM_XDS_UNREACHABLE', reason: `${where}${said}` };
  }
  return { code: 'KM_XDS_STREAM', reason: `${where} ended the stream with ${status[code] ?? code}${said}` };
}
