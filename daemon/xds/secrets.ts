// SPDX-License-Identifier: Apache-2.0
import { hash } from 'node:crypto';
import { readFileSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import type { SecretFiles } from './channel.js';
import type { Clock } from './source.js';

/** What changed. */
export interface Rotation {
  readonly rootCert: boolean;
  readonly token: boolean;
}

/** kubelet changes a projected volume in several steps; they are taken together. */
const GATHER_MS = 100;
/** How often to look where nothing tells of changes (a file mounted by itself, a folder that was not there at the start). */
const LOOK_MS = 10_000;

/** Looks at the files of root certificate and token, which are replaced on disk while the daemon runs, and calls back when their text is another one. */
export class SecretsWatch {
  readonly #files: SecretFiles;
  readonly #clock: Clock;
  readonly #onRotation: (rotation: Rotation) => void;
  #known: Readonly<Record<keyof SecretFiles, string>> = { rootCert: '', token: '' };
  #watchers: readonly FSWatcher[] = [];
  #cancelTimer: (() => void) | undefined;
  #gathering = false;

  constructor(files: SecretFiles, clock: Clock, onRotation: (rotation: Rotation) => void) {
    this.#files = files;
    this.#clock = clock;
    this.#onRotation = onRotation;
  }

  start(): void {
    this.#known = this.#digests();
    const folders = new Set(Object.values(this.#files).map((file) => path.dirname(file)));
    this.#watchers = [...folders].flatMap((folder) => this.#watch(folder) ?? []);
    this.#lookIn(LOOK_MS);
  }

  stop(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#cancelTimer?.();
  }

  /** A projected file is a link to a link: it changes by a change of its folder. */
  #watch(folder: string): FSWatcher | undefined {
    try {
      // A watch that breaks is no loss: the timer looks.
      return watch(folder, () => this.#gather()).on('error', () => undefined);
    } catch {
      return undefined;
    }
  }

  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#lookIn(GATHER_MS);
  }

  #lookIn(ms: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.after(ms, () => this.#look());
  }

  #look(): void {
    this.#gathering = false;
    this.#lookIn(LOOK_MS);
    const before = this.#known;
    const now = (this.#known = this.#digests());
    const rotation = { rootCert: now.rootCert !== before.rootCert, token: now.token !== before.token };
    if (rotation.rootCert || rotation.token) this.#onRotation(rotation);
  }

  #digests(): Record<keyof SecretFiles, string> {
    return { rootCert: digest(this.#files.rootCert), token: digest(this.#files.token) };
  }
}

/** Of a file's text; empty when there is none. */
function digest(file: string): string {
  try {
    return hash('sha256', readFileSync(file));
  } catch {
    return '';
  }
}
