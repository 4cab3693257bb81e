// SPDX-License-Identifier: Apache-2.0
/** A file system in memory that behaves as the agent's Sys does, so that a whole start takes milliseconds. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Lock } from '../../../common/fileLock.js';
import type { Entry, Sys } from '../../../agent/sys.js';
import type { Captured } from '../capturedRoot.js';

/** Never changed in place: copies of the map share them. */
export type Item =
  | { readonly kind: 'file'; readonly data: Buffer; readonly modifiedMs: number }
  | { readonly kind: 'directory'; readonly modifiedMs: number }
  | { readonly kind: 'link'; readonly target: string };

export function fileError(code: string, file: string): NodeJS.ErrnoException {
  // Most are caught at once, and stacks would be what these tests spend their time on.
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(`${code}: ${file}`), { code, path: file });
  Error.stackTraceLimit = limit;
  return error;
}

/** Paths of what is not the same in both. */
export function changedFiles(before: ReadonlyMap<string, Item>, after: ReadonlyMap<string, Item>): string[] {
  const same = (a: Item | undefined, b: Item | undefined): boolean => a === b || (a?.kind === b?.kind && (a?.kind === 'file' && b?.kind === 'file' ? a.data.equals(b.data) : a?.kind === 'directory'));
  return [...new Set([...before.keys(), ...after.keys()])].filter((file) => !same(before.get(file), after.get(file)));
}

export class MemoryFiles {
  readonly items: Map<string, Item>;
  /** Files that are locked, with how many hold each. */
  readonly locks = new Map<string, number>();
  #ticks = 0;

  constructor(items: ReadonlyMap<string, Item> = new Map([['/', { kind: 'directory', modifiedMs: 0 }]])) {
    this.items = new Map(items);
  }

  add(captured: Captured): void {
    for (const [file, content] of Object.entries(captured)) this.put(file, content);
  }

  put(file: string, content: string | Uint8Array | { readonly link: string }): void {
    const parents: string[] = [];
    for (let above = path.dirname(file); !this.items.has(above); above = path.dirname(above)) parents.unshift(above);
    for (const above of parents) this.items.set(above, { kind: 'directory', modifiedMs: 0 });
    if (typeof content === 'object' && 'link' in content) this.items.set(file, { kind: 'link', target: content.link });
    else this.items.set(file, { kind: 'file', data: Buffer.from(content), modifiedMs: (this.#ticks += 1) });
  }

  /** Without what is at `folder` itself. */
  removeBelow(folder: string): void {
    for (const one of this.below(folder)) this.items.delete(one);
  }

  below(folder: string): string[] {
    return [...this.items.keys()].filter((one) => one.startsWith(`${folder}/`));
  }

  /** Everything that is there now. */
  snapshot(): ReadonlyMap<string, Item> {
    return new Map(this.items);
  }

  /** undefined: no file is there. */
  text(file: string): string | undefined {
    const item = this.items.get(file);
    return item?.kind === 'file' ? item.data.toString('utf8') : undefined;
  }

  #real(file: string, last = true): string {
    // Keys are paths without links.
    const known = this.items.get(file);
    if (known !== undefined && (known.kind !== 'link' || !last)) return file;
    const pending = file.split('/').filter(Boolean);
    let at = '/';
    while (pending.length > 0) {
      const name = pending.shift()!;
      const next = name === '..' ? path.dirname(at) : `${at === '/' ? '' : at}/${name}`;
      const item = this.items.get(next);
      if (item === undefined) throw fileError(this.items.get(at)?.kind === 'file' ? 'ENOTDIR' : 'ENOENT', file);
      if (item.kind !== 'link' || (!last && pending.length === 0)) at = next;
      else {
        pending.unshift(...item.target.split('/').filter((one) => one !== '' && one !== '.'));
        if (item.target.startsWith('/')) at = '/';
      }
    }
    return at;
  }

  /** Where a file that may not be there yet goes. */
  #place(file: string): string {
    const folder = this.#real(path.dirname(file));
    if (this.items.get(folder)?.kind !== 'directory') throw fileError('ENOTDIR', file);
    return path.join(folder, path.basename(file));
  }

  #data(file: string): Buffer {
    const item = this.items.get(this.#real(file));
    if (item?.kind !== 'file') throw fileError('EISDIR', file);
    return item.data;
  }

  #names(folder: string): string[] {
    const real = this.#real(folder);
    if (this.items.get(real)?.kind !== 'directory') throw fileError('ENOTDIR', folder);
    const prefix = real === '/' ? '/' : `${real}/`;
    return [...this.items.keys()].filter((one) => one !== '/' && one.startsWith(prefix) && !one.slice(prefix.length).includes('/')).map((one) => path.basename(one)).sort();
  }

  #stat(file: string): Entry | undefined {
    let item: Item | undefined;
    try {
      item = this.items.get(this.#real(file));
    } catch {
      return undefined;
    }
    if (item === undefined || item.kind === 'link') return undefined;
    return { kind: item.kind, size: item.kind === 'file' ? item.data.length : 4096, modifiedMs: item.modifiedMs };
  }

  #remove(file: string): void {
    this.removeBelow(file);
    this.items.delete(file);
  }

  #makeFolders(folder: string): string[] {
    const made: string[] = [];
    for (let above = path.resolve(folder); this.#stat(above) === undefined; above = path.dirname(above)) made.unshift(above);
    for (const one of made) this.items.set(this.#place(one), { kind: 'directory', modifiedMs: (this.#ticks += 1) });
    return made;
  }

  #rename(from: string, to: string): void {
    const [real, place] = [this.#real(from, false), this.#place(to)];
    if (this.items.get(place)?.kind === 'directory' && this.below(place).length > 0) throw fileError('ENOTEMPTY', to);
    for (const one of [real, ...this.below(real)]) {
      this.items.set(place + one.slice(real.length), this.items.get(one)!);
      this.items.delete(one);
    }
  }

  #lock(file: string, kind: 'shared' | 'exclusive'): Lock | undefined {
    const place = this.#place(file);
    const held = this.locks.get(place) ?? 0;
    if (held < 0 || (kind === 'exclusive' && held > 0)) return undefined;
    if (!this.items.has(place)) this.put(place, '');
    this.locks.set(place, kind === 'exclusive' ? -1 : held + 1);
    return { release: () => void this.locks.set(place, kind === 'exclusive' ? 0 : (this.locks.get(place) ?? 1) - 1) };
  }

  get sys() {
    const write = async (file: string, data: string | Uint8Array): Promise<void> => this.put(this.#place(file), data);
    const bounded = (file: string, maxBytes: number): Buffer => {
      const data = this.#data(file);
      if (data.length > maxBytes) throw fileError('EFBIG', file);
      return data;
    };
    return {
      stat: async (file) => this.#stat(file),
      readBytes: async (file, maxBytes) => bounded(file, maxBytes),
      readText: async (file, maxBytes) => bounded(file, maxBytes).toString('utf8'),
      readSecret: async (file, maxBytes) => bounded(file, maxBytes).toString('utf8'),
      readGzip: async (file, maxBytes) => gunzipSync(bounded(file, maxBytes)).toString('utf8'),
      readLink: async (file) => {
        const item = this.items.get(this.#real(file, false));
        if (item?.kind !== 'link') throw fileError('EINVAL', file);
        return item.target;
      },
      realPath: async (file) => this.#real(file),
      list: async (folder) => this.#names(folder),
      makeFolders: async (folder) => this.#makeFolders(folder),
      removeEmptyFolder: async (folder) => this.items.get(folder)?.kind === 'directory' && this.below(folder).length === 0 && this.items.delete(folder),
      removeTree: async (target) => this.#remove(target),
      writeFileAtomically: write,
      writePrivateFile: write,
      replaceFile: async (file, data, { expect }) => {
        const item = this.items.get(this.#place(file));
        const now = item?.kind === 'file' ? item.data : undefined;
        const wanted = expect?.content;
        if (expect !== undefined && (wanted === undefined ? item !== undefined : now?.equals(wanted) !== true)) return false;
        await write(file, data);
        return true;
      },
      tryLock: async (file, kind) => this.#lock(file, kind),
      lockHolder: () => undefined,
      sync: async (file) => void this.#real(file),
      writeExisting: async (file, text) => {
        this.#data(file);
        this.put(this.#real(file), text);
      },
      copyFile: async (from, to) => write(to, this.#data(from)),
      rename: async (from, to) => this.#rename(from, to),
      sha256: async (file) => createHash('sha256').update(this.#data(file)).digest('hex'),
      writeObstacle: async () => undefined,
      freeBytes: async () => 2 ** 32,
    } satisfies Partial<Sys>;
  }
}
