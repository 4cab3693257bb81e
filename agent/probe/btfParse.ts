// SPDX-License-Identifier: Apache-2.0
import { BTF_MAGIC, BTF_VERSION, HEADER_BYTES, KIND_MAX, Kind, LAYOUTS, TYPE_BYTES, kindOf, vlenOf } from './btfFormat.js';
import { ProbeError, type ProbeProblem } from './probeError.js';

/**
 * BTF that was checked from end to end: every offset, name and type id in it is in range, so that the
 * functions of btfQuery.ts need no checks. Types stay in the bytes; only where each begins is indexed
 * (a vmlinux has 150,000 types).
 */
export interface Btf {
  readonly view: DataView;
  readonly littleEndian: boolean;
  /** Where type id i begins in `view`; index 0 is void and unused. */
  readonly typeOffsets: Uint32Array;
  /** The string section: texts that end with NUL. */
  readonly strings: Uint8Array;
}

/** Ten times the BTF of a distribution kernel with everything built in. */
const LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Reads raw BTF as in /sys/kernel/btf/vmlinux or the .BTF section of an object.
 * @throws ProbeError for everything that breaks the format
 */
export function parseBtf(bytes: Uint8Array): Btf {
  if (bytes.length === 0) throw bad('empty', 'there are no bytes in it');
  if (bytes.length > LIMIT_BYTES) throw bad('too-large', `${bytes.length} bytes, more than the limit of ${LIMIT_BYTES}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { littleEndian, types, strings } = readHeader(view);
  const stringBytes = bytes.subarray(strings.start, strings.end);
  if (stringBytes[0] !== 0 || stringBytes[stringBytes.length - 1] !== 0) {
    throw bad('garbage', 'its string section does not begin and end with NUL');
  }
  const typeOffsets = indexTypes(view, littleEndian, types);
  const btf = { view, littleEndian, typeOffsets, strings: stringBytes };
  for (let id = 1; id < typeOffsets.length; id += 1) checkType(btf, id);
  return btf;
}

function bad(problem: ProbeProblem, detail: string): ProbeError {
  return new ProbeError('BTF', problem, detail);
}

interface Section {
  readonly start: number;
  readonly end: number;
}

function readHeader(view: DataView): { littleEndian: boolean; types: Section; strings: Section } {
  if (view.byteLength < HEADER_BYTES) throw bad('truncated', `${view.byteLength} bytes are less than its header of ${HEADER_BYTES}`);
  const littleEndian = view.getUint16(0, true) === BTF_MAGIC;
  if (!littleEndian && view.getUint16(0, false) !== BTF_MAGIC) throw bad('garbage', 'it does not begin with the BTF magic 0xeb9f');
  const version = view.getUint8(2);
  if (version !== BTF_VERSION) throw bad('unsupported', `version ${version}; this parser knows version ${BTF_VERSION}`);
  const word = (offset: number): number => view.getUint32(offset, littleEndian);
  const headerLength = word(4);
  if (headerLength < HEADER_BYTES) throw bad('garbage', `it gives its header ${headerLength} bytes instead of ${HEADER_BYTES}`);
  const section = (name: string, offsetAt: number): Section => {
    const start = headerLength + word(offsetAt);
    const end = start + word(offsetAt + 4);
    if (end > view.byteLength) throw bad('truncated', `its ${name} section ends at byte ${end} of ${view.byteLength}`);
    return { start, end };
  };
  const types = section('type', 8);
  const strings = section('string', 16);
  if (types.start % 4 !== 0) throw bad('garbage', `its type section begins at byte ${types.start}, which 4 does not divide`);
  if (types.start < strings.end && strings.start < types.end) throw bad('garbage', 'its type and string sections overlap');
  return { littleEndian, types, strings };
}

/** Steps from type to type; a type's length follows from its kind. */
function indexTypes(view: DataView, littleEndian: boolean, section: Section): Uint32Array {
  const offsets = new Uint32Array(1 + Math.floor((section.end - section.start) / TYPE_BYTES));
  let count = 1;
  let at = section.start;
  while (at < section.end) {
    if (at + TYPE_BYTES > section.end) throw bad('truncated', `type ${count} is cut off at the end of the type section`);
    const info = view.getUint32(at + 4, littleEndian);
    const layout = LAYOUTS[kindOf(info)];
    if (layout === undefined) {
      throw bad('unsupported', `type ${count} is of kind ${kindOf(info)}; this parser knows the kinds 1 to ${KIND_MAX}`);
    }
    offsets[count] = at;
    count += 1;
    at += TYPE_BYTES + layout.fixed + layout.each * vlenOf(info);
  }
  if (at !== section.end) throw bad('truncated', `the entries of type ${count - 1} go beyond the type section`);
  return offsets.subarray(0, count);
}

/** Every name and type id of type `id` is in range. */
function checkType(btf: Btf, id: number): void {
  const { view, littleEndian } = btf;
  const at = btf.typeOffsets[id] ?? 0;
  const info = view.getUint32(at + 4, littleEndian);
  const kind = kindOf(info);
  const layout = LAYOUTS[kind];
  if (layout === undefined) return;
  checkName(btf, id, view.getUint32(at, littleEndian));
  if (layout.refers) checkReference(btf, id, view.getUint32(at + 8, littleEndian));
  let entry = at + TYPE_BYTES;
  if (kind === Kind.ARRAY) {
    checkReference(btf, id, view.getUint32(entry, littleEndian));
    checkReference(btf, id, view.getUint32(entry + 4, littleEndian));
  }
  entry += layout.fixed;
  for (let left = vlenOf(info); left > 0; left -= 1, entry += layout.each) {
    if (layout.nameAt !== undefined) checkName(btf, id, view.getUint32(entry + layout.nameAt, littleEndian));
    if (layout.typeAt !== undefined) checkReference(btf, id, view.getUint32(entry + layout.typeAt, littleEndian));
  }
}

function checkName(btf: Btf, id: number, offset: number): void {
  if (offset < btf.strings.length) return;
  throw bad('garbage', `type ${id} has its name at ${offset}, outside of the strings (a module's BTF needs the kernel's beside it)`);
}

function checkReference(btf: Btf, id: number, target: number): void {
  if (target < btf.typeOffsets.length) return;
  throw bad('garbage', `type ${id} refers to type ${target}, which is not there (a module's BTF needs the kernel's beside it)`);
}
