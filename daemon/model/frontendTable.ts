// SPDX-License-Identifier: Apache-2.0
import type { ListenerFrontend } from './listener.js';
import { Findings } from './notEnforced.js';
import type { Frontend, NotEnforced } from './types.js';

/**
 * The frontends of all listeners. A listener bound to an address is the one for it, whatever a wildcard listener says
 * of it, as in Envoy. Of two listeners with the same address the first by name counts, so that their order does not.
 */
export class FrontendTable {
  readonly #frontends = new Map<string, Frontend>();
  /** Keys that a listener bound to the very address has. */
  readonly #exact = new Set<string>();
  readonly #doubles = new Map<string, Findings>();

  get frontends(): ReadonlyMap<string, Frontend> {
    return this.#frontends;
  }

  add(frontends: readonly ListenerFrontend[]): void {
    for (const { key, frontend, exact } of frontends) {
      const known = this.#frontends.get(key);
      if (!known || this.#wins(key, frontend, exact, known)) this.#frontends.set(key, frontend);
      if (exact) this.#exact.add(key);
    }
  }

  /** Listeners whose address another one has. */
  notEnforced(): readonly NotEnforced[] {
    return [...this.#doubles.values()].flatMap((findings) => findings.list());
  }

  #wins(key: string, frontend: Frontend, exact: boolean, known: Frontend): boolean {
    const knownExact = this.#exact.has(key);
    if (exact !== knownExact) return exact;
    if (frontend.listener === known.listener) return false;
    const wins = frontend.listener < known.listener;
    this.#listDouble(wins ? known.listener : frontend.listener, wins ? frontend.listener : known.listener, key);
    return wins;
  }

  #listDouble(loser: string, winner: string, key: string): void {
    const findings = this.#doubles.get(loser) ?? new Findings('listener', loser);
    findings.once('duplicate_address', key, `listener ${winner} has the same address and is used for it`);
    this.#doubles.set(loser, findings);
  }
}
