// SPDX-License-Identifier: Apache-2.0
import type { MapContents } from '../diff/operations.js';

/** The names of ids, as the daemon stored them. */
export class Names {
  readonly #names: ReadonlyMap<string, string>;

  constructor({ names }: MapContents) {
    this.#names = new Map(names.map(({ key, name }) => [`${key.kind} ${key.id}`, name]));
  }

  of(kind: 'listener' | 'cluster' | 'routes' | 'vhost', id: number): string {
    return this.#names.get(`${kind} ${id}`) ?? `#${id}`;
  }
}
