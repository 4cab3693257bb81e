// SPDX-License-Identifier: Apache-2.0
import type { Logger } from './log.js';
import type { Dataplane, L7State } from './maps/dataplane.js';
import type { MeshModel } from './model/types.js';

/** Whether the programs of this process are in force, and what there is to say about it. */
export class Steering {
  readonly #dataplane: Pick<Dataplane, 'attach' | 'followModule' | 'l7'>;
  readonly #log: Logger;
  #l7: L7State | undefined;
  /** Of the configuration in force: most changes leave them as they are. */
  #frontends: MeshModel['frontends'] | undefined;
  /** Those that have a route table. */
  #routed = 0;
  #warned: string | undefined;
  #attached = false;

  constructor(dataplane: Pick<Dataplane, 'attach' | 'followModule' | 'l7'>, log: Logger) {
    this.#dataplane = dataplane;
    this.#log = log;
  }

  get attached(): boolean {
    return this.#attached;
  }

  attach(): void {
    if (this.#attached) return;
    const hooks = this.#dataplane.attach();
    this.#attached = true;
    this.#log.info({ hooks }, `programs in force: ${hooks.map(({ hook, action }) => `${hook} ${action}`).join(', ')}`);
    this.#report(this.#dataplane.l7);
  }

  /** To be called now and then: kmesh.ko comes and goes without telling. */
  followModule(): void {
    if (this.#attached) this.#report(this.#dataplane.followModule());
  }

  /** A configuration that was written. */
  configured({ frontends }: MeshModel): void {
    if (frontends === this.#frontends) return;
    this.#frontends = frontends;
    this.#routed = [...frontends.values()].filter(({ routes }) => routes !== undefined).length;
    this.#warnOnce();
  }

  #report(l7: L7State): void {
    if (l7.state !== this.#l7?.state || l7.reason !== this.#l7.reason) this.#log.info({ l7 }, `routing by requests is ${l7.state}: ${l7.reason}`);
    this.#l7 = l7;
    this.#warnOnce();
  }

  /** One warning a reason: operators read these. */
  #warnOnce(): void {
    if (this.#l7?.state !== 'off') this.#warned = undefined;
    else if (this.#routed > 0 && this.#warned !== this.#l7.reason) {
      this.#warned = this.#l7.reason;
      this.#log.warn(`requests are not routed (${this.#l7.reason}): connections to ${this.#routed} addresses that have routes take their default decision`);
    }
  }
}
