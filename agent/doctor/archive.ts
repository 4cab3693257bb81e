// SPDX-License-Identifier: Apache-2.0

/** What an archive may hold. Names are relative, without `..`. */
export type Entry =
  | { readonly kind: 'file'; readonly name: string; readonly content: Uint8Array }
  | { readonly kind: 'directory'; readonly name: string }
  | { readonly kind: 'link'; readonly name: string; readonly target: string };

const BLOCK = 512;
const NAME_BYTES = 100;
const TYPES = { file: '0', link: '2', directory: '5' } as const;
/** GNU tar's entries before one whose name, or link, is longer than its field. */
const LONG_NAME = 'L';
const LONG_LINK = 'K';

/** A tar archive that GNU tar, bsdtar and busybox read; only its owner may read what comes out. */
export function writeArchive(entries: readonly Entry[]): Uint8Array {
  return Buffer.concat([...entries.flatMap(blocks), Buffer.alloc(2 * BLOCK)]);
}

function blocks(entry: Entry): Uint8Array[] {
  const name = entry.kind === 'directory' ? `${entry.name}/` : entry.name;
  const target = entry.kind === 'link' ? entry.target : '';
  const content = entry.kind === 'file' ? entry.content : Buffer.alloc(0);
  const mode = entry.kind === 'file' ? 0o600 : 0o700;
  return [...long(LONG_NAME, name), ...long(LONG_LINK, target), header(name, target, content.length, mode, TYPES[entry.kind]), ...padded(content)];
}

function long(type: string, text: string): Uint8Array[] {
  const bytes = Buffer.from(`${text}\0`);
  return bytes.length - 1 <= NAME_BYTES ? [] : [header('././@LongLink', '', bytes.length, 0o600, type), ...padded(bytes)];
}

const padded = (content: Uint8Array): Uint8Array[] => [content, Buffer.alloc(-content.length & (BLOCK - 1))];

function header(name: string, target: string, size: number, mode: number, type: string): Uint8Array {
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
  block.write('ustar  \0', 257, 'latin1');
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
