// SPDX-License-Identifier: Apache-2.0
import { hostname, networkInterfaces } from 'node:os';
import { parseXdsAddress } from './address.js';
import type { Validators } from './answer.js';
import { KEEPALIVE, type Keepalive } from './channel.js';
import { FileSource } from './file.js';
import { GrpcSource } from './grpc.js';
import { nameLookup, type Lookup } from './lookup.js';
import { nodeIdentity } from './node.js';
import { Publisher } from './publisher.js';
import { systemClock, type Clock, type XdsCallbacks, type XdsSource } from './source.js';
import type { XdsProtocol } from './variant.js';

export type { Validators } from './answer.js';
export { XDS_PROTOCOLS, type XdsProtocol } from './variant.js';
export type { Clock, Complete, Nack, ResourcesInfo, XdsCallbacks, XdsSource, XdsStatus } from './source.js';

export interface XdsOptions {
  /** `host:port`, `namespace:service` or `file:///path`. */
  readonly address: string;
  readonly plaintext: boolean;
  /** The variant of aggregated discovery; means nothing for files. */
  readonly protocol: XdsProtocol;
  /** Path of the control plane's root certificate. */
  readonly rootCert: string;
  /** Path of the bearer token. */
  readonly token: string;
  /** POD_NAME, POD_NAMESPACE, INSTANCE_IP, POD_IP, CLUSTER_ID. */
  readonly env: NodeJS.ProcessEnv;
  readonly validators: Validators;
}

/** What the outside world is replaced by in tests. */
export interface Surroundings {
  readonly clock: Clock;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  readonly lookup: Lookup;
  readonly keepalive?: Keepalive;
}

const REAL: Surroundings = { clock: systemClock, random: Math.random, lookup: nameLookup() };

/**
 * The source of resources that an address names. Nothing happens before `start()`.
 *
 * @throws DaemonError KM_XDS_ADDRESS, KM_XDS_NODE
 */
export function createXdsSource(options: XdsOptions, callbacks: XdsCallbacks, surroundings: Surroundings = REAL): XdsSource {
  const { clock, random, keepalive = KEEPALIVE } = surroundings;
  const address = parseXdsAddress(options.address, options.plaintext);
  const publisher = new Publisher(callbacks, options.validators, surroundings);
  if (address.kind === 'file') return new FileSource(address.path, publisher, clock);
  const node = nodeIdentity(options.env, { hostname: hostname(), interfaces: networkInterfaces() });
  const files = { rootCert: options.rootCert, token: options.token };
  return new GrpcSource({ address, files, node, protocol: options.protocol, keepalive }, publisher, clock, random);
}
