// SPDX-License-Identifier: Apache-2.0

/** Thrown where an expression is broken, or has a part that is not read here; `message` says which. */
export class Unread extends Error {}

/** Takes an expression apart from its beginning to its end. */
export class Reader {
  #rest: string;

  constructor(text: string) {
    this.#rest = text;
  }

  get done(): boolean {
    return this.#rest === '';
  }

  get next(): string {
    return this.#rest[0] ?? '';
  }

  take(text: string): boolean {
    if (!this.#rest.startsWith(text)) return false;
    this.#rest = this.#rest.slice(text.length);
    return true;
  }

  /** @param pattern begins with ^. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    const found = pattern.exec(this.#rest);
    if (!found) return undefined;
    this.#rest = this.#rest.slice(found[0].length);
    return found;
  }

  /** One character, also of those that are two units of a string. */
  char(): string {
    const code = this.#rest.codePointAt(0);
    if (code === undefined) throw new Unread('it ends too early');
    const char = String.fromCodePoint(code);
    this.#rest = this.#rest.slice(char.length);
    return char;
  }

  /** What stands before `end`, which is taken too; everything, when there is none. */
  upTo(end: string): string {
    const at = this.#rest.indexOf(end);
    const found = at < 0 ? this.#rest : this.#rest.slice(0, at);
    this.#rest = at < 0 ? '' : this.#rest.slice(at + end.length);
    return found;
  }
}
