// SPDX-License-Identifier: Apache-2.0
import { connectivityState, type Client } from '@grpc/grpc-js';
import { DaemonError, messageOf } from '../errors.js';
import type { Node } from '../proto/envoy/config/core/v3/base.js';
import type { XdsAddress } from './address.js';
import { Backoff } from './backoff.js';
import { explainStatus, openChannel, tlsCredentials, type Keepalive, type SecretFiles } from './channel.js';
import { Incremental } from './delta.js';
import { perKind } from './kinds.js';
import type { Publisher } from './publisher.js';
import { SecretsWatch, type Rotation } from './secrets.js';
import { StateOfTheWorld } from './sotw.js';
import type { Clock, XdsSource } from './source.js';
import { AdsStream, type StreamEnd } from './stream.js';
import type { Variant, XdsProtocol } from './variant.js';

export interface GrpcOptions {
  readonly address: Extract<XdsAddress, { kind: 'grpc' }>;
  readonly files: SecretFiles;
  readonly node: Node;
  readonly protocol: XdsProtocol;
  readonly keepalive: Keepalive;
}

/**
 * A control plane that has nothing new for a client that comes back says nothing at all. A stream that is
 * open for this long was not refused.
 */
const QUIET_MS = 5000;

/** Resources from a control plane. Streams come and go; what they brought stays. */
export class GrpcSource implements XdsSource {
  readonly #options: GrpcOptions;
  readonly #publisher: Publisher;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #versions = perKind(() => '');
  readonly #secrets: SecretsWatch | undefined;
  #client: Client | undefined;
  #stream: AdsStream | undefined;
  #cancelTimer: (() => void) | undefined;
  #stopped = false;

  constructor(options: GrpcOptions, publisher: Publisher, clock: Clock, random: () => number) {
    this.#options = options;
    this.#publisher = publisher;
    this.#clock = clock;
    this.#backoff = new Backoff(random);
    if (options.address.serverName !== undefined) this.#secrets = new SecretsWatch(options.files, clock, (rotation) => this.#rotated(rotation));
  }

  start(): void {
    this.#secrets?.start();
    this.#connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#secrets?.stop();
    this.#publisher.stop();
    this.#close();
  }

  #connect(): void {
    try {
      const { address, files, keepalive } = this.#options;
      const { client, metadata } = openChannel(address, files, keepalive);
      this.#client = client;
      this.#stream = new AdsStream(client, metadata, this.#variant(), {
        open: (answer) => this.#publisher.open(answer),
        pushed: (opened) => {
          this.#backoff.reset();
          this.#setTimer(undefined);
          return this.#publisher.pushed(opened);
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

  #variant(): Variant {
    const { node, protocol } = this.#options;
    return protocol === 'delta' ? new Incremental(node, this.#publisher) : new StateOfTheWorld(node, this.#versions, this.#publisher);
  }

  /**
   * A stream that is open was made with the secrets of before. The token has been looked at, once; but whoever is no
   * longer trusted must not go on talking, so that another root means another connection. Without a stream there may
   * have been none because of what changed: the next attempt need not wait.
   */
  #rotated({ rootCert }: Rotation): void {
    if (this.#stream !== undefined && !rootCert) return;
    if (this.#stream !== undefined) {
      try {
        tlsCredentials(this.#options.files.rootCert);
      } catch (error) {
        if (!(error instanceof DaemonError)) throw error;
        this.#publisher.warn(error.code, error.message);
        return;
      }
    }
    this.#close();
    this.#connect();
  }

  #quiet(client: Client): void {
    if (client.getChannel().getConnectivityState(false) !== connectivityState.READY) return;
    this.#backoff.reset();
    this.#publisher.quiet();
  }

  #ended(end: StreamEnd): void {
    if (end.by === 'garbage') {
      this.#retry(new DaemonError('KM_XDS_PROTOCOL', `${this.#options.address.host}:${this.#options.address.port} sent ${end.reason}`));
      return;
    }
    const { code, reason } = explainStatus(end.status, this.#options.address);
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
