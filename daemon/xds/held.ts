// SPDX-License-Identifier: Apache-2.0

interface Codec<T> {
  decode(bytes: Uint8Array): T;
  fromPartial(part: object): T;
}

/** Bytes as a text with a byte a character: it takes less than a buffer of its own, and nothing of a larger buffer is kept alive by it. */
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

export const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

/**
 * Keeps messages as their bytes, since as objects they take ten times the memory, and whoever collects garbage looks at each of these
 * objects again and again. They are opened when one looks at a field; the one that was opened last stays open.
 *
 * @param name the field that is at hand all the time.
 * @returns makes such a message out of one and its bytes.
 */
export function heldAsBytes<T extends object>(codec: Codec<T>, name: keyof T & string): (message: T, bytes: Uint8Array) => T {
  let last: { readonly of: Held; readonly message: T } | undefined;

  class Held {
    readonly #text: string;

    constructor(bytes: Uint8Array) {
      this.#text = textOf(bytes);
    }

    static open(held: Held): T {
      if (last?.of !== held) last = { of: held, message: codec.decode(bytesOf(held.#text)) };
      return last.message;
    }
  }

  for (const field of Object.keys(codec.fromPartial({}))) {
    if (field === name) continue;
    Object.defineProperty(Held.prototype, field, {
      enumerable: true,
      get(this: Held) {
        return Held.open(this)[field as keyof T];
      },
    });
  }
  return (message, bytes) => Object.assign(new Held(bytes), { [name]: message[name] }) as unknown as T;
}
