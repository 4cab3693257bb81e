// SPDX-License-Identifier: Apache-2.0
import { ProbeError } from './probeError.js';

/** Size of Elf64_Nhdr (elf(5)): sizes of name and description, type. */
const NOTE_HEADER_BYTES = 12;
const NT_GNU_BUILD_ID = 3;
const GNU = 'GNU\0';

/**
 * The GNU build id in a run of ELF notes, as hex digits: what the linker hashed of everything in the file, so equal
 * ids mean the same build. undefined: there is none among the notes.
 *
 * @param notes contents of a section .note.gnu.build-id, or of such a file below /sys/module/NAME/notes
 * @throws ProbeError when a note does not end where the bytes end
 */
export function buildIdOf(notes: Uint8Array): string | undefined {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength);
  for (let at = 0; at < notes.length; ) {
    if (notes.length - at < NOTE_HEADER_BYTES) throw truncated(`${notes.length - at} bytes are less than a header of ${NOTE_HEADER_BYTES}`);
    const [nameBytes, descriptionBytes, type] = [view.getUint32(at, true), view.getUint32(at + 4, true), view.getUint32(at + 8, true)];
    const name = at + NOTE_HEADER_BYTES;
    const description = name + aligned(nameBytes);
    const end = description + descriptionBytes;
    if (end > notes.length) throw truncated(`a note ends at byte ${end} of ${notes.length}`);
    const isGnu = Buffer.from(notes.subarray(name, name + nameBytes)).toString('latin1') === GNU;
    if (isGnu && type === NT_GNU_BUILD_ID && descriptionBytes > 0) return Buffer.from(notes.subarray(description, end)).toString('hex');
    at = description + aligned(descriptionBytes);
  }
  return undefined;
}

/** Name and description are padded to four bytes. */
const aligned = (bytes: number): number => Math.ceil(bytes / 4) * 4;

const truncated = (detail: string): ProbeError => new ProbeError('ELF note', 'truncated', detail);
