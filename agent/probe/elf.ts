// SPDX-License-Identifier: Apache-2.0
import { type Btf, parseBtf } from './btf.js';
import { ProbeError, type ProbeProblem } from './probeError.js';

/** Sizes and offsets of Elf64_Ehdr and Elf64_Shdr (elf(5)). */
const ELF_HEADER_BYTES = 64;
const SECTION_HEADER_BYTES = 64;
const SHT_NOBITS = 8;

/**
 * The BTF of a compiled object: its `.BTF` section. 64-bit little-endian ELF only, as clang writes for
 * the bpf target on this project's architectures.
 * @throws ProbeError for everything that breaks the format
 */
export function btfFromElf(bytes: Uint8Array): Btf {
  const section = elfSection(bytes, '.BTF');
  if (section === undefined) throw bad('unsupported', 'it has no .BTF section; compile with -g');
  return parseBtf(section);
}

/** EM_BPF (include/uapi/linux/elf-em.h) and ET_REL, which clang writes for -c. */
const EM_BPF = 247;
const ET_REL = 1;

/**
 * Refuses what is no object with eBPF programs for libbpf: of another machine, cut off, or without the types by which libbpf
 * makes the maps and fits the programs to the kernel.
 * @throws ProbeError
 */
export function checkBpfObject(bytes: Uint8Array): void {
  btfFromElf(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [type, machine] = [view.getUint16(16, true), view.getUint16(18, true)];
  if (machine !== EM_BPF) throw bad('unsupported', `it is for machine ${machine}, not for ${EM_BPF} (eBPF)`);
  if (type !== ET_REL) throw bad('unsupported', `it is an ELF file of type ${type}, no object`);
  if (elfSection(bytes, '.maps') === undefined) throw bad('garbage', 'it has no .maps section');
}

/** The bytes of section `name`; undefined: no such section. @throws ProbeError */
export function elfSection(bytes: Uint8Array, name: string): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sections = readSections(view);
  const names = sections.list[sections.namesIndex];
  if (names === undefined) throw bad('garbage', `the section of the section names, ${sections.namesIndex}, is not there`);
  const nameBytes = sectionBytes(bytes, names);
  const found = sections.list.find((section) => section.type !== SHT_NOBITS && textAt(nameBytes, section.nameOffset) === name);
  return found === undefined ? undefined : sectionBytes(bytes, found);
}

function bad(problem: ProbeProblem, detail: string): ProbeError {
  return new ProbeError('ELF object', problem, detail);
}

interface SectionHeader {
  readonly nameOffset: number;
  readonly type: number;
  readonly offset: bigint;
  readonly size: bigint;
}

function readSections(view: DataView): { list: SectionHeader[]; namesIndex: number } {
  if (view.byteLength === 0) throw bad('empty', 'there are no bytes in it');
  if (view.byteLength < ELF_HEADER_BYTES) throw bad('truncated', `${view.byteLength} bytes are less than its header of ${ELF_HEADER_BYTES}`);
  if (view.getUint32(0, false) !== 0x7f454c46) throw bad('garbage', 'it does not begin with the ELF magic');
  if (view.getUint8(4) !== 2 || view.getUint8(5) !== 1) throw bad('unsupported', 'it is not 64-bit little-endian');
  const tableOffset = view.getBigUint64(40, true);
  const entryBytes = view.getUint16(58, true);
  const count = view.getUint16(60, true);
  if (count > 0 && entryBytes !== SECTION_HEADER_BYTES) throw bad('garbage', `section headers of ${entryBytes} bytes`);
  const tableEnd = tableOffset + BigInt(count * SECTION_HEADER_BYTES);
  if (tableEnd > BigInt(view.byteLength)) throw bad('truncated', `its section headers end at byte ${tableEnd} of ${view.byteLength}`);
  const list = Array.from({ length: count }, (_, i) => {
    const at = Number(tableOffset) + i * SECTION_HEADER_BYTES;
    return {
      nameOffset: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      offset: view.getBigUint64(at + 24, true),
      size: view.getBigUint64(at + 32, true),
    };
  });
  return { list, namesIndex: view.getUint16(62, true) };
}

function sectionBytes(bytes: Uint8Array, section: SectionHeader): Uint8Array {
  const end = section.offset + section.size;
  if (end > BigInt(bytes.length)) throw bad('truncated', `a section ends at byte ${end} of ${bytes.length}`);
  return bytes.subarray(Number(section.offset), Number(end));
}

/** undefined when the text begins or ends outside of the string section. */
function textAt(strings: Uint8Array, offset: number): string | undefined {
  const end = strings.indexOf(0, offset);
  return offset >= strings.length || end === -1 ? undefined : new TextDecoder().decode(strings.subarray(offset, end));
}
