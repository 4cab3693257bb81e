// SPDX-License-Identifier: Apache-2.0

/** Numbers of the BTF encoding (Documentation/bpf/btf.rst, include/uapi/linux/btf.h). */
export const BTF_MAGIC = 0xeb9f;
export const BTF_VERSION = 1;
/** struct btf_header as of version 1; newer ones may be longer. */
export const HEADER_BYTES = 24;
/** struct btf_type: name_off, info, size or type. */
export const TYPE_BYTES = 12;

export const Kind = {
  INT: 1, PTR: 2, ARRAY: 3, STRUCT: 4, UNION: 5, ENUM: 6, FWD: 7, TYPEDEF: 8, VOLATILE: 9, CONST: 10,
  RESTRICT: 11, FUNC: 12, FUNC_PROTO: 13, VAR: 14, DATASEC: 15, FLOAT: 16, DECL_TAG: 17, TYPE_TAG: 18, ENUM64: 19,
} as const;

export const KIND_MAX = Kind.ENUM64;

/** What follows the 12 bytes of a type: `fixed` bytes, then `each` bytes for every one of its vlen entries. */
interface Layout {
  readonly fixed: number;
  readonly each: number;
  /** Offset in each entry of a string offset; undefined: none. */
  readonly nameAt?: number;
  /** Offset in each entry of a type id; undefined: none. */
  readonly typeAt?: number;
  /** The third word of the type itself is a type id, not a size. */
  readonly refers: boolean;
}

const plain: Layout = { fixed: 0, each: 0, refers: false };
const reference: Layout = { fixed: 0, each: 0, refers: true };
const members: Layout = { fixed: 0, each: 12, nameAt: 0, typeAt: 4, refers: false };

/** Indexed by kind; 0 (void) is never written. */
export const LAYOUTS: readonly (Layout | undefined)[] = [
  undefined,
  { ...plain, fixed: 4 }, // INT
  reference, // PTR
  { ...plain, fixed: 12 }, // ARRAY
  members, // STRUCT
  members, // UNION
  { fixed: 0, each: 8, nameAt: 0, refers: false }, // ENUM
  plain, // FWD
  reference, // TYPEDEF
  reference, // VOLATILE
  reference, // CONST
  reference, // RESTRICT
  reference, // FUNC
  { fixed: 0, each: 8, nameAt: 0, typeAt: 4, refers: true }, // FUNC_PROTO
  { ...reference, fixed: 4 }, // VAR
  { fixed: 0, each: 12, typeAt: 0, refers: false }, // DATASEC
  plain, // FLOAT
  { ...reference, fixed: 4 }, // DECL_TAG
  reference, // TYPE_TAG
  { fixed: 0, each: 12, nameAt: 0, refers: false }, // ENUM64
];

export const kindOf = (info: number): number => (info >>> 24) & 0x1f;
export const vlenOf = (info: number): number => info & 0xffff;
export const kindFlagOf = (info: number): boolean => info >>> 31 === 1;
