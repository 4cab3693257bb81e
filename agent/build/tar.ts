// SPDX-License-Identifier: Apache-2.0

/** A regular file in an archive. */
export interface TarFile {
  readonly name: string;
  readonly content: Uint8Array;
}

const BLOCK = 512;

/** What is wrong with an archive. */
export class TarError extends Error {
  override readonly name = 'TarError';
}

/** An archive as POSIX 1988 has it (ustar), which every tar reads. @throws TypeError for a name of more than 100 bytes */
export function writeTar(files: readonly TarFile[]): Uint8Array {
  return concatenated(
    files.flatMap(({ name, content }) => {
      if (Buffer.byteLength(name) > NAME_BYTES) throw new TypeError(`${name} is too long for an archive`);
      return [tarHeader({ name, size: content.length, mode: 0o644, type: '0', magic: POSIX }), ...padded(content)];
    }),
  );
}

/** The header's field of a name, or of a link's target, in bytes. */
export const NAME_BYTES = 100;

/** Magic and version. */
const POSIX = 'ustar\x0000';
export const GNU = 'ustar  \0';

export interface TarHeader {
  /** What exceeds NAME_BYTES is cut off. */
  readonly name: string;
  /** Of a link; likewise. */
  readonly target?: string;
  /** Of the content that follows, in bytes. */
  readonly size: number;
  readonly mode: number;
  /** One character, of tar.h or of GNU tar. */
  readonly type: string;
  readonly magic: string;
}

/** One block. It has no time and no owner: the same content makes the same bytes. */
export function tarHeader({ name, target = '', size, mode, type, magic }: TarHeader): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void => void block.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  Buffer.from(name).copy(block, 0, 0, NAME_BYTES);
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.write(type, 156, 'latin1');
  Buffer.from(target).copy(block, 157, 0, NAME_BYTES);
  block.write(magic, 257, 'latin1');
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Content up to the end of its last block. */
export const padded = (content: Uint8Array): Uint8Array[] => [content, Buffer.alloc(-content.length & (BLOCK - 1))];

/** Headers and contents, with the end of an archive. */
export const concatenated = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);

/** Sum of all bytes, those of the sum itself as blanks. */
function checksum(block: Uint8Array): number {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
}

/**
 * Reads an archive of nothing but regular files with the given names, each at most once.
 *
 * Everything else is refused rather than skipped: links, folders, devices, extensions (long names, pax, sparse files),
 * other names, a second file of a name, sizes that do not fit, a missing end.
 *
 * @throws TarError
 */
export function readTar(bytes: Uint8Array, names: readonly string[]): readonly TarFile[] {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.length >= 2 && data[0] === 0x1f && data[1] === 0x8b) throw new TarError('it is compressed (gzip); unpack it with gunzip first');
  const files: TarFile[] = [];
  for (let at = 0; ; ) {
    const block = data.subarray(at, at + BLOCK);
    if (block.length < BLOCK) throw new TarError(`it ends in the middle, after ${data.length} bytes`);
    if (block.every((byte) => byte === 0)) return files;
    const { name, size } = entry(block, names);
    if (files.some((file) => file.name === name)) throw new TarError(`${name} is in it twice`);
    if (at + BLOCK + size > data.length) throw new TarError(`it ends in the middle of ${name}, after ${data.length} bytes`);
    files.push({ name, content: data.subarray(at + BLOCK, at + BLOCK + size) });
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}

function entry(block: Buffer, names: readonly string[]): { name: string; size: number } {
  if (octalAt(block, 148, 8) !== checksum(block)) throw new TarError('it is no tar archive, or is damaged (the checksum of a header is wrong)');
  const name = block.toString('utf8', 0, 100).replace(/\0.*$/s, '');
  const shown = JSON.stringify(name);
  const type = block.toString('latin1', 156, 157);
  // NUL: as tar before POSIX wrote it.
  if (type !== '0' && type !== '\0') throw new TarError(`${shown} in it is no regular file (type ${JSON.stringify(type)})`);
  if (block[345] !== 0 || !names.includes(name)) throw new TarError(`${shown} does not belong into it; what does: ${names.join(', ')}`);
  const size = octalAt(block, 124, 12);
  if (size === undefined) throw new TarError(`the size of ${shown} is no number`);
  return { name, size };
}

/** A number as the header has it; undefined: it has another form (or is larger than 8 GiB: base 256). */
function octalAt(block: Buffer, at: number, length: number): number | undefined {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(block.toString('latin1', at, at + length))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}
