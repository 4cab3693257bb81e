// SPDX-License-Identifier: Apache-2.0
import { Kind } from '../../../agent/probe/btfFormat.js';

export interface EnumSpec {
  readonly kind: 'enum' | 'enum64';
  readonly name: string;
  readonly signed?: boolean;
  readonly values: readonly (readonly [string, number])[];
}
export interface FuncSpec {
  readonly kind: 'func';
  readonly name: string;
}
export interface StructSpec {
  readonly kind: 'struct';
  readonly name: string;
  readonly size: number;
  /** Name, type id (1 is a 4-byte int, 2 an array of three of them, 3 a pointer), offset, width of a bit field. */
  readonly members: readonly (readonly [string, number, number, number?])[];
}
export type TypeSpec = EnumSpec | FuncSpec | StructSpec;

/** Writes BTF by hand, independent of the parser: header, types (an int, an array, a pointer, then `specs`), strings. */
export function btfImage(specs: readonly TypeSpec[], littleEndian = true): Uint8Array {
  let strings = '\0';
  const text = (name: string): number => {
    const at = strings.length;
    strings += `${name}\0`;
    return at;
  };
  const words: number[] = [];
  const type = (name: number, kind: number, vlen: number, third: number, ...rest: number[]): void => {
    words.push(name, (((kind & 0x1f) << 24) | vlen | (kind & 0x80000000)) >>> 0, third, ...rest.map((word) => word >>> 0));
  };
  const FLAG = 0x80000000;
  type(text('int'), Kind.INT, 0, 4, 32);
  type(0, Kind.ARRAY, 0, 0, 1, 1, 3);
  type(0, Kind.PTR, 0, 1);
  for (const spec of specs) {
    if (spec.kind === 'func') {
      type(text(spec.name), Kind.FUNC, 0, 3);
    } else if (spec.kind === 'struct') {
      const bits = spec.members.some((member) => member[3] !== undefined);
      type(text(spec.name), Kind.STRUCT | (bits ? FLAG : 0), spec.members.length, spec.size,
        ...spec.members.flatMap(([name, id, offset, width]) => [text(name), id, offset | ((width ?? 0) << 24)]));
    } else {
      const wide = spec.kind === 'enum64';
      type(text(spec.name), (wide ? Kind.ENUM64 : Kind.ENUM) | (spec.signed === true ? FLAG : 0), spec.values.length, wide ? 8 : 4,
        ...spec.values.flatMap(([name, value]) => (wide ? [text(name), value, Math.floor(value / 2 ** 32)] : [text(name), value])));
    }
  }
  const bytes = new Uint8Array(24 + words.length * 4 + strings.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, littleEndian);
  view.setUint8(2, 1);
  const header = [24, 0, words.length * 4, words.length * 4, strings.length];
  for (const [i, word] of [...header, ...words].entries()) view.setUint32(4 + i * 4, word, littleEndian);
  bytes.set(new TextEncoder().encode(strings), 24 + words.length * 4);
  return bytes;
}
