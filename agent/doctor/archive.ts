// SPDX-License-Identifier: Apache-2.0
import { concatenated, GNU, NAME_BYTES, padded, tarHeader } from '../build/tar.js';

/** What an archive may hold. Names are relative, without `..`. */
export type Entry =
  | { readonly kind: 'file'; readonly name: string; readonly content: Uint8Array }
  | { readonly kind: 'directory'; readonly name: string }
  | { readonly kind: 'link'; readonly name: string; readonly target: string };

const TYPES = { file: '0', link: '2', directory: '5' } as const;
/** GNU tar's entries before one whose name, or link, is longer than its field. */
const LONG_NAME = 'L';
const LONG_LINK = 'K';

/** A tar archive that GNU tar, bsdtar and busybox read; only its owner may read what comes out. */
export const writeArchive = (entries: readonly Entry[]): Uint8Array => concatenated(entries.flatMap(blocks));

function blocks(entry: Entry): Uint8Array[] {
  const name = entry.kind === 'directory' ? `${entry.name}/` : entry.name;
  const target = entry.kind === 'link' ? entry.target : '';
  const content = entry.kind === 'file' ? entry.content : Buffer.alloc(0);
  const mode = entry.kind === 'file' ? 0o600 : 0o700;
  const header = tarHeader({ name, target, size: content.length, mode, type: TYPES[entry.kind], magic: GNU });
  return [...long(LONG_NAME, name), ...long(LONG_LINK, target), header, ...padded(content)];
}

function long(type: string, text: string): Uint8Array[] {
  const bytes = Buffer.from(`${text}\0`);
  return bytes.length - 1 <= NAME_BYTES ? [] : [tarHeader({ name: '././@LongLink', size: bytes.length, mode: 0o600, type, magic: GNU }), ...padded(bytes)];
}
