// SPDX-License-Identifier: Apache-2.0
/**
 * A record of layout.h: `write` fills `size` bytes that are zero before, `read` takes them apart.
 * Numbers out of range and texts that are no address throw a RangeError.
 */
export interface Codec<Read, Written = Read> {
  readonly size: number;
  write(value: Written, to: Buffer, at: number): void;
  read(from: Buffer, at: number): Read;
}

/** Name of a number in an enum table; what the table does not hold was not written by this daemon. */
export function nameOf<T extends string>(what: string, table: Readonly<Record<T, number>>, number: number): T {
  for (const name in table) if (table[name] === number) return name;
  throw new RangeError(`${number} is no ${what}`);
}

export const idKey: Codec<number> = {
  size: 4,
  write: (id, to, at) => void to.writeUInt32LE(id, at),
  read: (from, at) => from.readUInt32LE(at),
};
