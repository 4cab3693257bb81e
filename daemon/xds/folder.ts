// SPDX-License-Identifier: Apache-2.0
import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { DaemonError, messageOf } from '../errors.js';
import type { Any } from '../proto/google/protobuf/any.js';
import { perKind, type ResourceKind } from './kinds.js';
import { mostBytes, parseFile, type FileContents } from './parse.js';

export interface FolderContents {
  readonly resources: Readonly<Record<ResourceKind, readonly Any[]>>;
  readonly notes: readonly string[];
  /** Why some files could not be read; their resources are those that were read from them last. */
  readonly errors: readonly string[];
  /** How many of the files have been read at least once since this process began. */
  readonly readable: 'all' | 'some' | 'none';
}

/** What is known of one file. */
interface Known {
  /** Tells one version of the file from the next. */
  readonly signature: string;
  /** undefined: it never could be read. */
  readonly contents: FileContents | undefined;
  readonly error: string | undefined;
}

const MOST_FILES = 1000;
const RESOURCE_FILE = /^[^.].*\.(json|ya?ml)$/i;

/** A file of resources or a folder of them, read again and again: only files that changed are parsed. */
export class ResourceFolder {
  readonly #path: string;
  #known: ReadonlyMap<string, Known> = new Map();
  #missing: string | undefined;

  constructor(target: string) {
    this.#path = target;
  }

  /** @returns what is there now; undefined when nothing changed since the last call. */
  async read(): Promise<FolderContents | undefined> {
    let files: readonly string[];
    try {
      files = await this.#files();
    } catch (error) {
      const missing = messageOf(error);
      if (missing === this.#missing) return undefined;
      this.#missing = missing;
      return this.#contents();
    }
    const next = new Map<string, Known>();
    for (const file of files) {
      const known = await readKnown(file, this.#known.get(file));
      if (known !== undefined) next.set(file, known);
    }
    const same = this.#missing === undefined && next.size === this.#known.size && [...next].every(([file, known]) => this.#known.get(file) === known);
    const first = this.#known.size === 0 && next.size === 0;
    this.#missing = undefined;
    this.#known = next;
    return same && !first ? undefined : this.#contents();
  }

  async #files(): Promise<readonly string[]> {
    const info = await stat(this.#path);
    if (!info.isDirectory()) return [this.#path];
    const names = (await readdir(this.#path)).filter((name) => RESOURCE_FILE.test(name)).sort();
    if (names.length > MOST_FILES) throw new DaemonError('KM_XDS_FILE', `${this.#path} holds ${names.length} files of resources; ${MOST_FILES} are the most`);
    return names.map((name) => path.join(this.#path, name));
  }

  #contents(): FolderContents {
    const all = [...this.#known.values()];
    const missing = this.#missing === undefined ? [] : [this.#missing];
    const read = all.filter(({ contents }) => contents !== undefined).length;
    const nothing = read === 0 && all.length + missing.length > 0;
    return {
      readable: nothing ? 'none' : read === all.length ? 'all' : 'some',
      resources: perKind((kind) => all.flatMap(({ contents }) => contents?.resources[kind] ?? [])),
      notes: all.flatMap(({ contents }) => contents?.notes ?? []),
      errors: [...missing, ...all.flatMap(({ error }) => error ?? [])],
    };
  }
}

/** @returns `before` itself when the file is the same; undefined when it is gone. */
async function readKnown(file: string, before: Known | undefined): Promise<Known | undefined> {
  let signature = '';
  try {
    const info = await stat(file);
    signature = [info.ino, info.size, info.mtimeMs, info.ctimeMs].join();
    if (signature === before?.signature) return before;
    if (!info.isFile()) throw new DaemonError('KM_XDS_FILE', `${file}: is not a regular file`);
    if (info.size > mostBytes(file)) throw new DaemonError('KM_XDS_FILE', `${file}: has ${info.size} bytes; ${mostBytes(file)} are the most`);
    return { signature, contents: parseFile(file, await readFile(file, 'utf8')), error: undefined };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const known = { signature, contents: before?.contents, error: messageOf(error) };
    return known.signature === before?.signature && known.error === before.error ? before : known;
  }
}
