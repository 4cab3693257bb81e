// SPDX-License-Identifier: Apache-2.0
/** Addresses as text and as the 16 bytes of layout.h (IPv4 in v4-mapped form, RFC 4291 section 2.5.5.2). */

const GROUPS = 8;

/**
 * Writes the address `text` to 16 bytes of `to`.
 *
 * @throws RangeError when the text is not an IPv4 or IPv6 address.
 */
export function writeAddress(text: string, to: Buffer, at: number): void {
  if (!(text.includes(':') ? writeIpv6(text, to, at) : writeMapped(text, to, at))) {
    throw new RangeError(`"${text}" is not an IP address`);
  }
}

/** The address in 16 bytes of `from`: dotted for a v4-mapped one, else as RFC 5952 writes it. */
export function readAddress(from: Buffer, at: number): string {
  if (isMapped(from, at)) return `${from[at + 12]}.${from[at + 13]}.${from[at + 14]}.${from[at + 15]}`;
  return readIpv6(from, at);
}

export function isMapped(from: Buffer, at: number): boolean {
  return from.readUInt32BE(at) === 0 && from.readUInt32BE(at + 4) === 0 && from.readUInt32BE(at + 8) === 0xffff;
}

function writeMapped(text: string, to: Buffer, at: number): boolean {
  to.fill(0, at, at + 10);
  to.writeUInt16BE(0xffff, at + 10);
  return writeIpv4(text, to, at + 12);
}

const DOT = 0x2e;
const ZERO = 0x30;

/** Digit by digit: this runs a hundred thousand times when a large mesh is written. */
function writeIpv4(text: string, to: Buffer, at: number): boolean {
  let octet = 0;
  let digits = 0;
  let value = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0 || octet === 3) return false;
      to[at + octet] = value;
      octet += 1;
      digits = 0;
      value = 0;
      continue;
    }
    const digit = code - ZERO;
    // A leading zero is octal to some readers and decimal to others.
    if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return false;
    digits += 1;
    value = value * 10 + digit;
    if (value > 255) return false;
  }
  to[at + octet] = value;
  return octet === 3 && digits > 0;
}

function writeIpv6(text: string, to: Buffer, at: number): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const head = groupsOf(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return false;
  const given = head.length + tail.length;
  if (halves.length === 2 ? given >= GROUPS : given !== GROUPS) return false;
  to.fill(0, at, at + 16);
  head.forEach((group, i) => to.writeUInt16BE(group, at + 2 * i));
  tail.forEach((group, i) => to.writeUInt16BE(group, at + 2 * (GROUPS - tail.length + i)));
  return true;
}

/** The 16-bit groups of one side of `::`; the last of the address may be an IPv4 one, which is two groups. */
function groupsOf(side: string, endsAddress: boolean): number[] | undefined {
  if (side === '') return [];
  const groups: number[] = [];
  const parts = side.split(':');
  for (const [i, part] of parts.entries()) {
    if (endsAddress && i === parts.length - 1 && part.includes('.')) {
      const quad = Buffer.alloc(4);
      if (!writeIpv4(part, quad, 0)) return undefined;
      groups.push(quad.readUInt16BE(0), quad.readUInt16BE(2));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function readIpv6(from: Buffer, at: number): string {
  const groups = Array.from({ length: GROUPS }, (_, i) => from.readUInt16BE(at + 2 * i));
  const { start, length } = longestZeros(groups);
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** The first longest run of zero groups (RFC 5952 section 4.2.3). */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [i, group] of groups.entries()) {
    if (group !== 0) start = i + 1;
    else if (i + 1 - start > best.length) best = { start, length: i + 1 - start };
  }
  return best;
}
