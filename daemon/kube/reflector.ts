// SPDX-License-Identifier: Apache-2.0
import { setTimeout as pause } from 'node:timers/promises';
import { Backoff } from '../xds/backoff.js';
import type { KubeClient } from './client.js';
import { KubeError } from './errors.js';
import { pageOf, watchEvents, type WatchEvent } from './watch.js';

/** What is told of the objects of one kind. Objects are as the API server sent them. */
export interface Listener {
  /** All that there are. */
  replace(objects: readonly unknown[]): void;
  set(object: unknown): void;
  delete(object: unknown): void;
  /** Why nothing new is known now; undefined: that is over. */
  trouble(error: KubeError | undefined): void;
}

const PAGE = 500;
const LIST_MS = 30_000;
const HEAD_MS = 15_000;
/** Servers end a watch after this many seconds, plus up to as many again by chance, so that nodes do not come back in step. */
const WATCH_S = 240;
/** A server that has not ended it by then is not there any more. */
const WATCH_GRACE_S = 30;

/** Keeps up with a collection of the API server: lists it, watches it from there on, and lists it again when the server has forgotten where that was. */
export class Reflector {
  readonly #client: KubeClient;
  readonly #path: string;
  readonly #query: Readonly<Record<string, string>>;
  readonly #listener: Listener;
  readonly #random: () => number;
  readonly #backoff: Backoff;
  readonly #end = new AbortController();
  #running: Promise<void> | undefined;
  /** Where the watch goes on; undefined: nowhere. */
  #version: string | undefined;

  /** @param random a number from 0 up to 1 */
  constructor(client: KubeClient, path: string, query: Readonly<Record<string, string>>, listener: Listener, random: () => number = Math.random) {
    this.#client = client;
    this.#path = path;
    this.#query = query;
    this.#listener = listener;
    this.#random = random;
    this.#backoff = new Backoff(random);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list();
        if (await this.#watch()) this.#backoff.reset();
        // A server that ends each watch at once is not asked in a tight loop.
        else await this.#wait();
      } catch (error) {
        if (this.#end.signal.aborted) return;
        if (error instanceof Gone) this.#version = undefined;
        else this.#listener.trouble(KubeError.from(error));
        await this.#wait();
      }
    }
  }

  async #wait(): Promise<void> {
    await pause(this.#backoff.next(), undefined, { signal: this.#end.signal }).catch(() => {});
  }

  async #list(): Promise<void> {
    const objects: unknown[] = [];
    let [next, version]: [string | undefined, string | undefined] = [undefined, undefined];
    do {
      const path = this.#url({ limit: String(PAGE), ...(next === undefined ? {} : { continue: next }) });
      const answer = await this.#client.get(path, LIST_MS, this.#end.signal);
      if (answer.status === 410) throw new Gone();
      if (answer.status !== 200) throw KubeError.ofStatus(path, answer);
      const page = pageOf(answer.body);
      objects.push(...page.items);
      [next, version] = [page.next, page.version];
    } while (next !== undefined);
    // Not before all is there: what failed on the way is listed again.
    this.#version = version;
    this.#listener.replace(objects);
    this.#listener.trouble(undefined);
  }

  /** @returns whether anything was told before the watch ended */
  async #watch(): Promise<boolean> {
    const seconds = WATCH_S + Math.floor(this.#random() * WATCH_S);
    const path = this.#url({ watch: '1', allowWatchBookmarks: 'true', resourceVersion: this.#version!, timeoutSeconds: String(seconds) });
    const limit = AbortSignal.timeout((seconds + WATCH_GRACE_S) * 1000);
    const response = await this.#client.stream(path, HEAD_MS, AbortSignal.any([limit, this.#end.signal]));
    const { statusCode = 0 } = response;
    if (statusCode !== 200) {
      response.destroy();
      throw this.#refused(path, { status: statusCode, body: undefined });
    }
    this.#listener.trouble(undefined);
    let told = false;
    try {
      for await (const event of watchEvents(response)) {
        this.#take(event);
        told = true;
      }
    } catch (error) {
      // A stream that breaks off is no trouble by itself: the next watch goes on where it ended, or says what is wrong.
      if (error instanceof Gone || error instanceof KubeError) throw error;
    }
    return told;
  }

  #take(event: WatchEvent): void {
    if (event.type === 'ERROR') throw this.#refused(this.#path, { status: event.code, body: event.object });
    this.#version = event.version;
    if (event.type === 'DELETED') this.#listener.delete(event.object);
    else if (event.type !== 'BOOKMARK') this.#listener.set(event.object);
  }

  /** What a watch was refused with. Unless that is about the account or the server's own state, the same would be refused again: the next one begins from a list. */
  #refused(path: string, answer: { readonly status: number; readonly body: unknown }): Gone | KubeError {
    const { status } = answer;
    if (status === 410) return new Gone();
    if (![401, 403, 429].includes(status) && status < 500) this.#version = undefined;
    return KubeError.ofStatus(path, answer);
  }

  #url(more: Readonly<Record<string, string>>): string {
    return `${this.#path}?${new URLSearchParams({ ...this.#query, ...more })}`;
  }
}

/** The server knows no longer what was before: 410. */
class Gone extends Error {}
