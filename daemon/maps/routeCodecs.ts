// SPDX-License-Identifier: Apache-2.0
import type { DomainRecordKey, RoutesRecord, StepKey, VhostRecord } from '../diff/operations.js';
import { nameOf, type Codec } from './codec.js';
import { ENUMS, HOST_MAX, STRUCTS, WILD_HEAD_BITS } from './layout.js';

const ROUTES = STRUCTS.km_routes.fields;

export const routes: Codec<RoutesRecord> = {
  size: STRUCTS.km_routes.size,
  write(value, to, at) {
    to.writeUInt32LE(value.any, at + ROUTES.any);
    to.writeUInt32LE(value.ignorePort ? 1 : 0, at + ROUTES.ignore_port);
  },
  read: (from, at) => ({ any: from.readUInt32LE(at + ROUTES.any), ignorePort: from.readUInt32LE(at + ROUTES.ignore_port) !== 0 }),
};

const DOMAIN_KEY = STRUCTS.km_domain_key.fields;

/** struct km_domain_key: a whole host name. */
export const domainKey: Codec<DomainRecordKey> = {
  size: STRUCTS.km_domain_key.size,
  write(key, to, at) {
    to.writeUInt32LE(key.routes, at + DOMAIN_KEY.routes);
    hostBytes(key.text).copy(to, at + DOMAIN_KEY.name);
  },
  read(from, at) {
    const name = from.subarray(at + DOMAIN_KEY.name, at + DOMAIN_KEY.name + HOST_MAX);
    const end = name.indexOf(0);
    return { routes: from.readUInt32LE(at + DOMAIN_KEY.routes), kind: 'exact', text: name.toString('utf8', 0, end < 0 ? HOST_MAX : end) };
  },
};

const WILD_KEY = STRUCTS.km_wild_key.fields;

/** struct km_wild_key: a beginning, or an end with its bytes in reverse. */
export const wildKey: Codec<DomainRecordKey> = {
  size: STRUCTS.km_wild_key.size,
  write(key, to, at) {
    if (key.kind === 'exact') throw new RangeError(`"${key.text}" is a whole name, not an end or a beginning of one`);
    const bytes = hostBytes(key.text);
    to.writeUInt32LE(WILD_HEAD_BITS + 8 * bytes.length, at + WILD_KEY.prefixlen);
    to.writeUInt32LE(key.routes, at + WILD_KEY.routes);
    to.writeUInt32LE(ENUMS.km_wild_kind[key.kind], at + WILD_KEY.kind);
    (key.kind === 'suffix' ? bytes.reverse() : bytes).copy(to, at + WILD_KEY.text);
  },
  read(from, at) {
    const kind = nameOf('enum km_wild_kind', ENUMS.km_wild_kind, from.readUInt32LE(at + WILD_KEY.kind));
    const length = (from.readUInt32LE(at + WILD_KEY.prefixlen) - WILD_HEAD_BITS) / 8;
    const bytes = Buffer.from(from.subarray(at + WILD_KEY.text, at + WILD_KEY.text + length));
    return { routes: from.readUInt32LE(at + WILD_KEY.routes), kind, text: (kind === 'suffix' ? bytes.reverse() : bytes).toString() };
  },
};

function hostBytes(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length === 0 || bytes.length > HOST_MAX || bytes.includes(0)) throw new RangeError(`a domain takes 1 to ${HOST_MAX} bytes without NUL: "${text}"`);
  return bytes;
}

/** struct km_domain: the id of a virtual host, then the lock, which user space never touches. */
export const domain: Codec<number> = {
  size: STRUCTS.km_domain.size,
  write: (vhost, to, at) => void to.writeUInt32LE(vhost, at + STRUCTS.km_domain.fields.vhost),
  read: (from, at) => from.readUInt32LE(at + STRUCTS.km_domain.fields.vhost),
};

/** struct km_wild. */
export const wild: Codec<number> = { ...domain, size: STRUCTS.km_wild.size };

const VHOST = STRUCTS.km_vhost.fields;

export const vhost: Codec<VhostRecord> = {
  size: STRUCTS.km_vhost.size,
  write(value, to, at) {
    to.writeUInt32LE(value.program, at + VHOST.program);
    to.writeUInt32LE(value.n, at + VHOST.n);
  },
  read: (from, at) => ({ program: from.readUInt32LE(at + VHOST.program), n: from.readUInt32LE(at + VHOST.n) }),
};

const STEP_KEY = STRUCTS.km_step_key.fields;

export const stepKey: Codec<StepKey> = {
  size: STRUCTS.km_step_key.size,
  write(key, to, at) {
    to.writeUInt32LE(key.program, at + STEP_KEY.program);
    to.writeUInt32LE(key.index, at + STEP_KEY.index);
  },
  read: (from, at) => ({ program: from.readUInt32LE(at + STEP_KEY.program), index: from.readUInt32LE(at + STEP_KEY.index) }),
};
