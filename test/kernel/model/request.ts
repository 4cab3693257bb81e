// SPDX-License-Identifier: Apache-2.0
import { authorityFor, type Head } from './head.js';

const MAX_PARAMS = 64;
const HOST_MAX = 248;

/** Hash in hexadecimal, name, value. */
export type Pair = readonly [string, string, string];

/** What eBPF programs see of a head; the same shape as test/kernel/judgeHeads.c prints. */
export interface Request {
  readonly fields: { readonly method: string; readonly path: string; readonly fullPath: string; readonly authority: string; readonly scheme: string };
  /** Sorted by hash. */
  readonly headers: readonly Pair[];
  readonly params: readonly Pair[];
  /** As it is, and reversed. */
  readonly host: readonly [string, string];
  readonly bare: readonly [string, string];
}

export function requestOf(head: Head): Request {
  const authority = authorityFor(head);
  const { path: fullPath, scheme = 'http' } = head.parts;
  return {
    fields: { method: head.method, path: fullPath.split(/[?#]/)[0]!, fullPath, authority: authority.text, scheme },
    headers: pairs(joinedHeaders(head.lines)),
    params: pairs(firstParams(fullPath)),
    host: hostVariants(authority.text),
    bare: hostVariants(authority.bare),
  };
}

function joinedHeaders(lines: Head['lines']): Map<string, string> {
  const headers = new Map<string, string>();
  for (const [original, value] of lines) {
    const name = original.toLowerCase();
    const known = headers.get(name);
    headers.set(name, known === undefined ? value : `${known}${name === 'cookie' ? '; ' : ','}${value}`);
  }
  return headers;
}

function firstParams(fullPath: string): Map<string, string> {
  const query = /^[^?#]*\?([^#]*)/.exec(fullPath)?.[1] ?? '';
  const params = new Map<string, string>();
  // The end of a query after "&", and an empty query, are no parameters.
  const parts = query.endsWith('&') || query === '' ? query.split('&').slice(0, -1) : query.split('&');
  for (const part of parts) {
    const equals = part.indexOf('=');
    const [name, value] = equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)];
    if (!params.has(name) && params.size < MAX_PARAMS) params.set(name, value);
  }
  return params;
}

function pairs(entries: ReadonlyMap<string, string>): Pair[] {
  return [...entries]
    .map(([name, value]): Pair => [fnv1a(name), name, value])
    .sort(([a, aName], [b, bName]) => (a < b ? -1 : a > b ? 1 : aName.length - bName.length || (aName < bName ? -1 : 1)));
}

/** FNV-1a of 64 bits, as 16 hexadecimal digits: sorted as texts they are sorted as numbers. */
export function fnv1a(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text, 'latin1')) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, '0');
}

function hostVariants(text: string): [string, string] {
  const host = text.length > HOST_MAX ? '' : text.toLowerCase();
  return [host, [...host].reverse().join('')];
}
