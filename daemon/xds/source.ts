// SPDX-License-Identifier: Apache-2.0
import type { DaemonErrorCode } from '../errors.js';
import type { Resources } from '../model/resources.js';
import type { ResourceKind } from './kinds.js';

/** A place that resources come from: a control plane, or files. */
export interface XdsSource {
  start(): void;
  /** Resolves when nothing more will be called back and no socket, timer or watch is left. */
  stop(): Promise<void>;
}

/** Which types have been answered completely since this process began; once true, it stays true. */
export type Complete = Readonly<Record<ResourceKind, boolean>>;

/** Resources that were refused, as the control plane was told. */
export interface Nack {
  readonly kind: ResourceKind;
  /** Version of the answer that held them; a file's path where they came from files. */
  readonly version: string;
  readonly reason: string;
  readonly at: Date;
}

export interface XdsStatus {
  /** An answer came over the stream that is open now; for files: all could be read. */
  readonly connected: boolean;
  /** The newest trouble, until it is over. */
  readonly code: DaemonErrorCode | undefined;
  readonly reason: string | undefined;
  readonly lastPushAt: Date | undefined;
  /** Since this process began: answers that came, and those that were rejected in whole or in part. */
  readonly counts: Readonly<Record<ResourceKind, { readonly pushes: number; readonly rejects: number }>>;
  /** The last few of each type, newest last. */
  readonly nacks: readonly Nack[];
  /** What was read and is not used: types that mean nothing here, entries that Envoy itself had refused. */
  readonly notes: readonly string[];
  readonly complete: Complete;
  /** Nothing that was asked for is outstanding. */
  readonly settled: boolean;
}

export interface ResourcesInfo extends Pick<XdsStatus, 'complete' | 'settled' | 'lastPushAt'> {
  /**
   * The resources can be applied: they are settled, or have not been for a while, and whoever waits for something is left out of them
   * or as it was (a cluster waits for its endpoints, a listener for its routes).
   */
  readonly usable: boolean;
}

export interface XdsCallbacks {
  /** After every change of the resources, of `complete` or of `settled`. */
  onResources(resources: Resources, info: ResourcesInfo): void;
  /** After every change of the status. */
  onStatus(status: XdsStatus): void;
}

/** Time, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since some moment. It only goes forward: a wall clock that is set back by an hour would have an answer waited for for an hour. */
  now(): number;
  /** Calls back once after `ms`; the result cancels. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
