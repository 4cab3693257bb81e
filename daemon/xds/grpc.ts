// SPDX-License-Identifier: Apache-2.0
import { connectivityState, type Client } from '@grpc/grpc-js';
import { DaemonError, messageOf } from '../errors.js';
import type { Node } from '../proto/envoy/config/core/v3/base.js';
import type { XdsAddress } from './address.js';
import { Backoff } from './backoff.js';
import { explainStatus, openChannel, type SecretFiles } from './channel.js';
import { perKind } from './kinds.js';
import type { Publisher } from './publisher.js';
import type { Clock, XdsSource } from './source.js';
import { AdsStream, type StreamEnd } from './stream.js';

/**
 * A control plane that has nothing new for a client that comes back says nothing at all. A stream that is
 * open for this long was not refused.
 */
const QUIET_MS = 5000;

/** Resources from a control plane. Streams come and go; what they brought stays. */
export class GrpcSource implements XdsSource {
  readonly #address: Extract<XdsAddress, { kind: 'grpc' }>;
  readonly #files: SecretFiles;
  readonly #node: Node;
  readonly #publisher: Publisher;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #versions = perKind(() => '');
  #client: Client | undefined;
  #stream: AdsStream | undefined;
  #cancelTimer: (() => void) | undefined;
  #stopped = false;

  constructor(address: Extract<XdsAddress, { kind: 'grpc' }>, files: SecretFiles, node: Node, publisher: Publisher, clock: Clock, random: () => number) {
    this.#address = address;
    this.#files = files;
    this.#node = node;
    this.#publisher = publisher;
    this.#clock = clock;
    this.#backoff = new Backoff(random);
  }

  start(): void {
    this.#connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#publisher.stop();
    this.#close();
  }

  #connect(): void {
    try {
      const { client, metadata } = openChannel(this.#address, this.#files);
      this.#client = client;
      this.#stream = new AdsStream(client, metadata, this.#node, this.#versions, {
        names: (kind) => this.#publisher.names(kind),
        pushed: (kind, version, resources) => {
          this.#backoff.reset();
          this.#setTimer(undefined);
          return this.#publisher.pushed(kind, version, resources);
        },
        ended: (end) => this.#ended(end),
      });
      this.#publisher.opened();
      this.#setTimer(this.#clock.after(QUIET_MS, () => this.#quiet(client)));
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      this.#retry(error);
    }
  }

  #quiet(client: Client): void {
    if (client.getChannel().getConnectivityState(false) !== connectivityState.READY) return;
    this.#backoff.reset();
    this.#publisher.quiet();
  }

  #ended(end: StreamEnd): void {
    if (end.by === 'garbage') {
      this.#retry(new DaemonError('KM_XDS_PROTOCOL', `${this.#address.host}:${this.#address.port} sent ${end.reason}`));
      return;
    }
    const { code, reason } = explainStatus(end.status, this.#address);
    this.#retry(new DaemonError(code, reason));
  }

  #retry(error: DaemonError): void {
    this.#close();
    if (this.#stopped) return;
    const wait = this.#backoff.next();
    this.#setTimer(this.#clock.after(wait, () => this.#connect()));
    this.#publisher.failed(error.code, messageOf(error));
  }

  #close(): void {
    this.#setTimer(undefined);
    this.#stream?.cancel();
    this.#client?.close();
    this.#stream = undefined;
    this.#client = undefined;
  }

  #setTimer(cancel: (() => void) | undefined): void {
    this.#cancelTimer?.();
    this.#cancelTimer = cancel;
  }
}
