// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { ErrorCode } from '../errors.js';
import { parseBpfHeader } from '../probe/bpfHeader.js';
import type { HeaderHelpers } from '../probe/helperFacts.js';
import type { Sys } from '../sys.js';
import { readIfThere } from './files.js';

const MAX_BYTES = 4 << 20;

export type HeaderProblem = 'missing' | 'directory' | 'unreadable' | 'empty' | 'truncated' | 'garbage';

export const HEADER_CODES: Readonly<Record<HeaderProblem, ErrorCode>> = {
  missing: 'KM_HELPERS_MISSING',
  directory: 'KM_HELPERS_DIRECTORY',
  unreadable: 'KM_HELPERS_UNREADABLE',
  empty: 'KM_HELPERS_EMPTY',
  truncated: 'KM_HELPERS_TRUNCATED',
  garbage: 'KM_HELPERS_GARBAGE',
};

export type HeaderReading =
  | { readonly ok: true; readonly header: HeaderHelpers; readonly style: string }
  | { readonly ok: false; readonly problem: HeaderProblem; readonly detail: string };

/** Places of the host's linux/bpf.h, the best one first. @param root install folder */
export function headerPlaces(root: string): readonly string[] {
  return [path.join(root, 'config/linux-bpf.h'), '/host/usr/include/linux/bpf.h', '/usr/include/linux/bpf.h'];
}

/**
 * Reads the helpers out of the first place at which anything is. A place that holds something else than a header
 * is a problem to be told, not to be passed over: the next place may hold a header of another kernel.
 *
 * @param places paths in order of preference
 */
export async function readBpfHeader(sys: Sys, places: readonly string[]): Promise<HeaderReading> {
  for (const file of places) {
    const entry = await readIfThere(() => sys.stat(file));
    if (entry === undefined) continue;
    if (entry.kind === 'directory') return { ok: false, problem: 'directory', detail: `${file} is a directory` };
    return parseFile(sys, file);
  }
  return { ok: false, problem: 'missing', detail: `there is no ${places.join(', no ')}` };
}

async function parseFile(sys: Sys, file: string): Promise<HeaderReading> {
  let text: string;
  try {
    text = await sys.readText(file, MAX_BYTES);
  } catch (error) {
    return { ok: false, problem: 'unreadable', detail: `${file}: ${(error as Error).message}` };
  }
  const parsed = parseBpfHeader(text);
  if (!parsed.ok) return { ok: false, problem: parsed.problem, detail: `${file}: ${parsed.detail}` };
  return { ok: true, header: { path: file, helpers: parsed.helpers }, style: parsed.style };
}
