// SPDX-License-Identifier: Apache-2.0
import type { NameKey } from '../diff/operations.js';
import { nameOf, type Codec } from './codec.js';
import { ENUMS, STRUCTS } from './layout.js';

const NAME_KEY = STRUCTS.km_name_key.fields;

export const nameKey: Codec<NameKey> = {
  size: STRUCTS.km_name_key.size,
  write(key, to, at) {
    to.writeUInt32LE(ENUMS.km_name_kind[key.kind], at + NAME_KEY.kind);
    to.writeUInt32LE(key.id, at + NAME_KEY.id);
  },
  read: (from, at) => ({
    kind: nameOf('enum km_name_kind', ENUMS.km_name_kind, from.readUInt32LE(at + NAME_KEY.kind)),
    id: from.readUInt32LE(at + NAME_KEY.id),
  }),
};

/** struct km_name: UTF-8 with a NUL behind it. */
export const name: Codec<string> = {
  size: STRUCTS.km_name.size,
  write(text, to, at) {
    const bytes = Buffer.byteLength(text);
    if (bytes >= STRUCTS.km_name.size || text.includes('\0')) throw new RangeError(`a name takes at most ${STRUCTS.km_name.size - 1} bytes without NUL, not ${bytes}: "${text}"`);
    to.write(text, at);
  },
  read(from, at) {
    const end = from.indexOf(0, at);
    return from.toString('utf8', at, Math.min(end < 0 ? from.length : end, at + STRUCTS.km_name.size));
  },
};
