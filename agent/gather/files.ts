// SPDX-License-Identifier: Apache-2.0
import { isErrno, type Sys } from '../sys.js';

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Reasons why a file does not count as there: absent, of another kind, or not for this user. */
const NOT_THERE = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ENODEV', 'ENXIO'] as const;

/** The first of several files that can be read; the others are not touched. */
export async function readFirst(sys: Sys, files: readonly string[], maxBytes: number): Promise<TextFile | undefined> {
  for (const path of files) {
    const text = await readIfThere(() => sys.readText(path, maxBytes));
    if (text !== undefined) return { path, text };
  }
  return undefined;
}

/** What `read` gives; undefined when the file is not there or not readable. */
export async function readIfThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isErrno(error, ...NOT_THERE)) return undefined;
    throw error;
  }
}
