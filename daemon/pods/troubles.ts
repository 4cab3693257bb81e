// SPDX-License-Identifier: Apache-2.0
import { DAEMON_ERRORS, type DaemonErrorCode } from '../errors.js';
import type { Logger } from '../log.js';

export interface Trouble {
  readonly code: DaemonErrorCode;
  readonly message: string;
}

/** What is wrong now, by what it concerns: said once when it begins or changes, and once when it is over. */
export class Troubles {
  readonly #log: Logger;
  readonly #current = new Map<string, Trouble>();

  constructor(log: Logger) {
    this.#log = log;
  }

  get current(): ReadonlyMap<string, Trouble> {
    return this.#current;
  }

  report(what: string, trouble: Trouble | undefined): void {
    const before = this.#current.get(what);
    if (trouble === undefined) {
      if (before !== undefined) this.#log.info(`${before.code} is over (${what})`);
      this.#current.delete(what);
    } else if (before?.code !== trouble.code || before.message !== trouble.message) {
      const { code, message } = trouble;
      const { remedy } = DAEMON_ERRORS[code];
      this.#log.warn({ code, remedy }, `${code}: ${what}: ${message}; remedy: ${remedy}`);
      this.#current.set(what, { code, message });
    }
  }
}
