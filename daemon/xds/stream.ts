// SPDX-License-Identifier: Apache-2.0
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Client, ClientDuplexStream, Metadata, StatusObject } from '@grpc/grpc-js';
import { messageOf } from '../errors.js';
import { inSlices } from '../slices.js';
import type { Answer } from './answer.js';
import type { OpenedAnswer } from './store.js';
import type { Variant } from './variant.js';

/** What a stream needs from its owner. */
export interface StreamOwner {
  /** Opens the resources of an answer, in slices; nothing changes by it. */
  open(answer: Answer): Promise<OpenedAnswer>;
  /** Takes an answer that was opened. @returns why it is rejected, undefined to accept it. */
  pushed(opened: OpenedAnswer): string | undefined;
  /** Called once. */
  ended(end: StreamEnd): void;
}

/** How a stream ended: by the control plane or the network, or because of what came over it. */
export type StreamEnd = { readonly by: 'status'; readonly status: StatusObject } | { readonly by: 'garbage'; readonly reason: string };

/**
 * One stream of aggregated discovery. Answers are taken one at a time, in order; while one is being opened no other is
 * read, and what the control plane sends meanwhile waits in the windows of HTTP/2, so that it cannot fill the memory.
 */
export class AdsStream {
  readonly #call: ClientDuplexStream<Uint8Array, Buffer>;
  readonly #variant: Variant;
  readonly #owner: StreamOwner;
  #ended = false;

  constructor(client: Client, metadata: Metadata, variant: Variant, owner: StreamOwner) {
    this.#variant = variant;
    this.#owner = owner;
    // Answers stay bytes until they are read here, where what is not a message can be told from a broken connection.
    this.#call = client.makeBidiStreamRequest(variant.path, (bytes: Uint8Array) => Buffer.from(bytes), (bytes: Buffer) => bytes, metadata);
    this.#call.on('data', (bytes: Buffer) => {
      this.#call.pause();
      void this.#take(bytes);
    });
    this.#call.on('status', (end: StatusObject) => this.#end({ by: 'status', status: end }));
    // Every error comes as a status as well.
    this.#call.on('error', () => undefined);
    this.#send(variant.begin());
  }

  /** Ends the stream without a call back. */
  cancel(): void {
    this.#ended = true;
    this.#call.cancel();
  }

  async #take(bytes: Buffer): Promise<void> {
    // With thousands of names each step takes long by itself, and has a turn of its own: putting the message together was one.
    await nextTurn();
    if (this.#ended) return;
    const answer = await this.#read(bytes);
    if (answer === undefined) return;
    const opened = await this.#owner.open(answer);
    await nextTurn();
    // Whoever ended the stream meanwhile begins another one, where this comes again.
    if (this.#ended) return;
    const rejection = this.#owner.pushed(opened);
    // Whoever was told of the answer may have stopped the stream.
    if (this.#ended) return;
    await nextTurn();
    if (this.#ended) return;
    this.#send(this.#variant.reply(answer, rejection));
    this.#call.resume();
  }

  async #read(bytes: Buffer): Promise<Answer | undefined> {
    try {
      return await inSlices(this.#variant.read(bytes));
    } catch (error) {
      this.#end({ by: 'garbage', reason: `${bytes.length} bytes that are no answer: ${messageOf(error)}` });
      this.#call.cancel();
      return undefined;
    }
  }

  #send(requests: readonly Uint8Array[]): void {
    for (const request of requests) this.#call.write(request);
  }

  #end(end: StreamEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.ended(end);
  }
}
