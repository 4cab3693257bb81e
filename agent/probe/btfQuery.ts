// SPDX-License-Identifier: Apache-2.0
import type { Btf } from './btfParse.js';
import { Kind, TYPE_BYTES, kindFlagOf, kindOf, vlenOf } from './btfFormat.js';

/**
 * Values of the enum `name` by the names of its enumerators; undefined: no such enum. 64-bit values beyond
 * 2^53 are rounded.
 */
export function enumValues(btf: Btf, name: string): ReadonlyMap<string, number> | undefined {
  for (const id of typesNamed(btf, name, [Kind.ENUM, Kind.ENUM64])) {
    const values = enumerators(btf, id);
    // An enum that is only declared somewhere has no entries; its definition is another type.
    if (values.size > 0) return values;
  }
  return undefined;
}

function enumerators(btf: Btf, id: number): Map<string, number> {
  const { view, littleEndian } = btf;
  const { at, info } = typeAt(btf, id);
  const wide = kindOf(info) === Kind.ENUM64;
  const signed = kindFlagOf(info);
  const values = new Map<string, number>();
  for (let i = 0; i < vlenOf(info); i += 1) {
    const entry = at + TYPE_BYTES + i * (wide ? 12 : 8);
    const low = view.getUint32(entry + 4, littleEndian);
    let value = signed ? view.getInt32(entry + 4, littleEndian) : low;
    if (wide) value = (signed ? view.getInt32(entry + 8, littleEndian) : view.getUint32(entry + 8, littleEndian)) * 2 ** 32 + low;
    values.set(stringAt(btf, view.getUint32(entry, littleEndian)), value);
  }
  return values;
}

export function enumHas(btf: Btf, enumName: string, value: string): boolean {
  return enumValues(btf, enumName)?.has(value) === true;
}

const HELPER_PREFIX = 'BPF_FUNC_';

/**
 * The kernel's helper functions: name without `BPF_FUNC_` to id, without the placeholder `unspec`.
 * undefined: the types do not hold `enum bpf_func_id` (a kernel without CONFIG_BPF_SYSCALL).
 */
export function btfHelpers(btf: Btf): ReadonlyMap<string, number> | undefined {
  const values = enumValues(btf, 'bpf_func_id');
  if (values === undefined) return undefined;
  const helpers = new Map<string, number>();
  for (const [name, id] of values) {
    if (name.startsWith(HELPER_PREFIX) && name !== 'BPF_FUNC_unspec') helpers.set(name.slice(HELPER_PREFIX.length), id);
  }
  return helpers;
}

/** Whether the kernel has a function of this name, static ones included. */
export function hasFunction(btf: Btf, name: string): boolean {
  return typesNamed(btf, name, [Kind.FUNC]).length > 0;
}

export interface StructMember {
  /** Empty for an anonymous struct or union. */
  readonly name: string;
  readonly offsetBits: number;
  /** Missing for bit fields and for what has no size. */
  readonly sizeBytes?: number;
}

/** Members of the struct or union `name` in order; undefined: it is not there. */
export function structMembers(btf: Btf, name: string): readonly StructMember[] | undefined {
  const id = typesNamed(btf, name, [Kind.STRUCT, Kind.UNION])[0];
  if (id === undefined) return undefined;
  const { view, littleEndian } = btf;
  const { at, info } = typeAt(btf, id);
  return Array.from({ length: vlenOf(info) }, (_, i) => {
    const entry = at + TYPE_BYTES + i * 12;
    const word = view.getUint32(entry + 8, littleEndian);
    // With the kind flag the upper 8 bits are the width of a bit field, 0 for an ordinary member.
    const bitField = kindFlagOf(info) && word >>> 24 !== 0;
    const size = bitField ? undefined : sizeOf(btf, view.getUint32(entry + 4, littleEndian));
    return {
      name: stringAt(btf, view.getUint32(entry, littleEndian)),
      offsetBits: kindFlagOf(info) ? word & 0xffffff : word,
      ...(size === undefined ? {} : { sizeBytes: size }),
    };
  });
}

/** Size of the struct or union `name` in bytes; undefined: it is not there. */
export function structSize(btf: Btf, name: string): number | undefined {
  const id = typesNamed(btf, name, [Kind.STRUCT, Kind.UNION])[0];
  return id === undefined ? undefined : sizeOf(btf, id);
}

/** BPF objects and the kernels that this project runs on are 64-bit. */
const POINTER_BYTES = 8;
/** A loop of typedefs is within the format; the kernel's own limit is 32 (MAX_RESOLVE_DEPTH in kernel/bpf/btf.c). */
const MAX_DEPTH = 32;

function sizeOf(btf: Btf, id: number, depth = 0): number | undefined {
  if (id === 0 || depth > MAX_DEPTH) return undefined;
  const { at, info } = typeAt(btf, id);
  const word = btf.view.getUint32(at + 8, btf.littleEndian);
  switch (kindOf(info)) {
    case Kind.INT: case Kind.STRUCT: case Kind.UNION: case Kind.ENUM: case Kind.ENUM64: case Kind.FLOAT: case Kind.DATASEC:
      return word;
    case Kind.PTR:
      return POINTER_BYTES;
    case Kind.TYPEDEF: case Kind.VOLATILE: case Kind.CONST: case Kind.RESTRICT: case Kind.TYPE_TAG: case Kind.VAR:
      return sizeOf(btf, word, depth + 1);
    case Kind.ARRAY: {
      const element = sizeOf(btf, btf.view.getUint32(at + TYPE_BYTES, btf.littleEndian), depth + 1);
      return element === undefined ? undefined : element * btf.view.getUint32(at + TYPE_BYTES + 8, btf.littleEndian);
    }
    default:
      return undefined;
  }
}

function typeAt(btf: Btf, id: number): { at: number; info: number } {
  const at = btf.typeOffsets[id] ?? 0;
  return { at, info: btf.view.getUint32(at + 4, btf.littleEndian) };
}

/** Ids of all types of these kinds and this name. Compares bytes in place: decoding 150,000 names takes ten times as long. */
function typesNamed(btf: Btf, name: string, kinds: readonly number[]): number[] {
  const wanted = new TextEncoder().encode(`${name}\0`);
  const ids: number[] = [];
  for (let id = 1; id < btf.typeOffsets.length; id += 1) {
    const at = btf.typeOffsets[id] ?? 0;
    const kind = kindOf(btf.view.getUint32(at + 4, btf.littleEndian));
    if (kinds.includes(kind) && stringIs(btf, btf.view.getUint32(at, btf.littleEndian), wanted)) ids.push(id);
  }
  return ids;
}

function stringIs(btf: Btf, offset: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i += 1) {
    if (btf.strings[offset + i] !== wanted[i]) return false;
  }
  return true;
}

function stringAt(btf: Btf, offset: number): string {
  return new TextDecoder().decode(btf.strings.subarray(offset, btf.strings.indexOf(0, offset)));
}
