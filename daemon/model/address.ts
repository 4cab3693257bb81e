// SPDX-License-Identifier: Apache-2.0
import type { Family } from './types.js';

/** An IP address in its canonical text: dotted decimal, or RFC 5952. */
export interface Ip {
  readonly family: Family;
  readonly text: string;
}

/** No text of an address is longer (an IPv6 address with an IPv4 tail). */
const MOST_CHARACTERS = 45;

/** Reads an IPv4 or IPv6 address; a v4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is IPv4. No zone, no port. */
export function parseIp(text: string): Ip | undefined {
  if (text.length > MOST_CHARACTERS) return undefined;
  if (!text.includes(':')) return IPV4.test(text) ? { family: 4, text } : undefined;
  const bytes = parseIpv6(text);
  if (!bytes) return undefined;
  return isMapped(bytes) ? { family: 4, text: bytes.subarray(12).join('.') } : { family: 6, text: formatIpv6(bytes) };
}

/** Bits of an address of the family. */
export const addressBits = (family: Family): number => (family === 4 ? 32 : 128);

/** The address with all bits after the first `length` set to zero. */
export function maskIp({ family, text }: Ip, length: number): Ip {
  const bytes = (family === 4 ? parseIpv4(text) : parseIpv6(text))!.map((byte, i) => {
    const kept = Math.min(Math.max(length - 8 * i, 0), 8);
    return byte & (0xff00 >> kept);
  });
  return { family, text: family === 4 ? bytes.join('.') : formatIpv6(bytes) };
}

/** 0.0.0.0 or ::. */
export const isUnspecified = ({ text }: Ip): boolean => text === '0.0.0.0' || text === '::';

/** A leading zero means octal to some readers and decimal to others: refused, as inet_pton does. */
const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

const parseIpv4 = (text: string): Uint8Array | undefined => (IPV4.test(text) ? Uint8Array.from(text.split('.'), Number) : undefined);

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => parseGroups(half, i === halves.length - 1));
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const bytes = new Uint8Array(16);
  if (!tail) {
    if (head.length !== 16) return undefined;
    bytes.set(head);
    return bytes;
  }
  // "::" stands for at least one group of zeros.
  if (head.length + tail.length > 14) return undefined;
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Bytes of groups between colons; the last group of the address may be an IPv4 address. */
function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes: number[] = [];
  for (const [i, group] of groups.entries()) {
    const ipv4 = last && i === groups.length - 1 && group.includes('.') ? parseIpv4(group) : undefined;
    if (ipv4) bytes.push(...ipv4);
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) bytes.push(parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff);
    else return undefined;
  }
  return bytes.length <= 16 ? bytes : undefined;
}

const isMapped = (bytes: Uint8Array): boolean => bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;

/** RFC 5952 section 4: lower case, the longest run of two or more zero groups (the first of equals) as "::". */
function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.length < 2) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}
