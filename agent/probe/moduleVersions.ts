// SPDX-License-Identifier: Apache-2.0
import { elfSection } from './elf.js';
import { moduleFacts } from './moduleFile.js';
import { differingWords } from './moduleRefusal.js';

/** What the kernel compares before it takes a module (kernel/module/version.c). */
export interface ModuleVersions {
  readonly vermagic: string;
  /** Checksums of the symbols that it uses; empty: it was built without CONFIG_MODVERSIONS. */
  readonly checksums: ReadonlyMap<string, number>;
}

/** struct modversion_info on 64 bits: a checksum of 8 bytes and a name of 56 (include/linux/module.h). */
const ENTRY_BYTES = 64;
const NAME_AT = 8;
const CHECKSUM_BYTES = 4;

/** @throws ProbeError for bytes that are no kernel module */
export function moduleVersions(bytes: Uint8Array): ModuleVersions {
  const { vermagic } = moduleFacts(bytes);
  const [basic, checksums, names] = ['__versions', '__version_ext_crcs', '__version_ext_names'].map((name) => elfSection(bytes, name));
  // The long form, since 6.14, is for names that the short one has no room for; a module may have both.
  return { vermagic, checksums: new Map([...entries(basic), ...extended(checksums, names)]) };
}

function entries(section: Uint8Array = new Uint8Array()): [string, number][] {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
  return Array.from({ length: Math.floor(section.length / ENTRY_BYTES) }, (_, i) => {
    const name = section.subarray(i * ENTRY_BYTES + NAME_AT, (i + 1) * ENTRY_BYTES);
    return [texts(name)[0] ?? '', view.getUint32(i * ENTRY_BYTES, true)];
  });
}

function extended(checksums: Uint8Array = new Uint8Array(), names: Uint8Array = new Uint8Array()): [string, number][] {
  const view = new DataView(checksums.buffer, checksums.byteOffset, checksums.byteLength);
  const list = texts(names);
  return Array.from({ length: Math.min(list.length, Math.floor(checksums.length / CHECKSUM_BYTES)) }, (_, i) => [list[i] ?? '', view.getUint32(i * CHECKSUM_BYTES, true)]);
}

const texts = (bytes: Uint8Array): string[] => Buffer.from(bytes).toString('latin1').split('\0');

/** More names than this help nobody. */
const MAX_NAMES = 5;

/**
 * Why a kernel would refuse a module, told by a module that belongs to it; empty: nothing speaks against it. With
 * checksums on both sides the first word of vermagic, the release, is not compared (same_magic()).
 */
export function versionDifferences(module: ModuleVersions, reference: ModuleVersions): readonly string[] {
  const byChecksum = module.checksums.size > 0 && reference.checksums.size > 0;
  const compared = ({ vermagic }: ModuleVersions): string => (byChecksum ? vermagic.replace(/^\S+/, 'any') : vermagic).trim();
  const words = compared(module) === compared(reference) ? [] : [differingWords(module.vermagic, reference.vermagic)];
  const symbols = [...module.checksums].filter(([name, checksum]) => name !== '' && reference.checksums.has(name) && reference.checksums.get(name) !== checksum).map(([name]) => name);
  if (symbols.length === 0) return words;
  const more = symbols.length > MAX_NAMES ? ` and ${symbols.length - MAX_NAMES} more` : '';
  return [...words, `checksums differ of ${symbols.slice(0, MAX_NAMES).join(', ')}${more}`];
}
