// SPDX-License-Identifier: Apache-2.0
import { statSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import { ResourceFolder } from './folder.js';
import type { Publisher } from './publisher.js';
import type { Clock, XdsSource } from './source.js';

/** Editors and kubelet change a file in several steps; they are taken together. */
const GATHER_MS = 100;
/** How often a path that cannot be watched (it is not there yet) is looked at. */
const RETRY_MS = 1000;

/** Resources from a file or a folder of files, read again when they change. */
export class FileSource implements XdsSource {
  readonly #path: string;
  readonly #publisher: Publisher;
  readonly #clock: Clock;
  readonly #folder: ResourceFolder;
  #watcher: FSWatcher | undefined;
  #cancelTimer: (() => void) | undefined;
  #reading: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(target: string, publisher: Publisher, clock: Clock) {
    this.#path = target;
    this.#publisher = publisher;
    this.#clock = clock;
    this.#folder = new ResourceFolder(target);
  }

  start(): void {
    this.#read();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#publisher.stop();
    this.#cancelTimer?.();
    this.#watcher?.close();
    await this.#reading;
  }

  /** One reading at a time; what changes meanwhile is read afterwards. */
  #read(): void {
    if (this.#stopped) return;
    if (this.#reading !== undefined) {
      this.#again = true;
      return;
    }
    // Before reading, so that no change goes unseen; each time, since the folder may have been replaced.
    this.#watch();
    this.#reading = this.#load().finally(() => {
      this.#reading = undefined;
      if (this.#again) this.#readSoon(0);
      this.#again = false;
    });
  }

  async #load(): Promise<void> {
    const contents = await this.#folder.read();
    if (contents === undefined || this.#stopped) return;
    await this.#publisher.loaded(this.#path, contents);
  }

  #watch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    try {
      // A file is watched through its folder: an editor that replaces it leaves a watch on the old one behind.
      const folder = statSync(this.#path).isDirectory() ? this.#path : path.dirname(this.#path);
      this.#watcher = watch(folder, () => this.#readSoon(GATHER_MS)).on('error', () => this.#readSoon(RETRY_MS));
    } catch {
      // Reading reports why; here it is only tried again.
      this.#readSoon(RETRY_MS);
    }
  }

  #readSoon(ms: number): void {
    if (this.#stopped) return;
    this.#cancelTimer ??= this.#clock.after(ms, () => {
      this.#cancelTimer = undefined;
      this.#read();
    });
  }
}
