// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';

/** Bytes of a name in km_name, without the terminating NUL (KM_NAME_LEN in bpf/include/kmesh/layout.h). */
export const NAME_BYTES = 255;

const HASH_DIGITS = 16;
/** UTF-8 takes at most three bytes for one UTF-16 unit. */
const SURELY_SHORT = Math.floor(NAME_BYTES / 3);

/**
 * The name under which a resource is kept in km_name. A name that does not fit, or that holds a NUL, is cut
 * and ends in `~` and a hash of the whole: the same after a restart, and different for different names.
 */
export function storedName(name: string): string {
  const clean = !name.includes('\0');
  if (clean && (name.length <= SURELY_SHORT || Buffer.byteLength(name) <= NAME_BYTES)) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS);
  return `${cutBytes(name.replaceAll('\0', '?'), NAME_BYTES - HASH_DIGITS - 1)}~${hash}`;
}

/** The longest beginning of whole characters within `limit` bytes of UTF-8. */
function cutBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  let end = Math.min(limit, bytes.length);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
