// SPDX-License-Identifier: Apache-2.0
import type { Resources } from '../../daemon/model/resources.js';
import type { Validators } from '../../daemon/xds/answer.js';
import type { ResourcesInfo, XdsCallbacks, XdsStatus } from '../../daemon/xds/source.js';

export interface Seen {
  readonly resources: Resources;
  readonly info: ResourcesInfo;
}

/** Keeps the newest that a source told, and lets a test wait for what it is about to tell. */
export class XdsRecorder implements XdsCallbacks {
  seen: Seen | undefined;
  status: XdsStatus | undefined;
  /** Every status, oldest first. */
  readonly statuses: XdsStatus[] = [];
  readonly #waiting = new Set<() => void>();

  onResources(resources: Resources, info: ResourcesInfo): void {
    this.seen = { resources, info };
    this.#wake();
  }

  onStatus(status: XdsStatus): void {
    this.status = status;
    this.statuses.push(status);
    this.#wake();
  }

  /** Resolves with the newest resources as soon as they match. */
  async resources(match: (seen: Seen) => boolean): Promise<Seen> {
    while (this.seen === undefined || !match(this.seen)) await this.#news();
    return this.seen;
  }

  async settled(): Promise<Seen> {
    return this.resources(({ info }) => info.settled);
  }

  async until(match: (status: XdsStatus) => boolean): Promise<XdsStatus> {
    while (this.status === undefined || !match(this.status)) await this.#news();
    return this.status;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** Takes everything that could be decoded, but no resource whose name holds `bad`. */
export const plainValidators: Validators = {
  clusters: ({ name }) => refuseBad(name),
  endpoints: ({ clusterName }) => refuseBad(clusterName),
  listeners: ({ name }) => refuseBad(name),
  routes: ({ name }) => refuseBad(name),
};

const refuseBad = (name: string): string | undefined => (name.includes('bad') ? 'the test refuses it' : undefined);
