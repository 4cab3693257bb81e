// SPDX-License-Identifier: Apache-2.0
import type { FrontendRecord, FrontendRecordKey, SplitKey, SplitRecord } from '../diff/operations.js';
import { readAddress, writeAddress } from './address.js';
import { nameOf, type Codec } from './codec.js';
import { ENUMS, FAMILY_NUMBER, MAPPED_BITS, PREFIX_HEAD_BITS, STRUCTS } from './layout.js';

const LISTENER_KEY = STRUCTS.km_listener_key.fields;

/** struct km_listener_key: an exact address; its prefix length is the whole address. */
export const listenerKey: Codec<FrontendRecordKey> = {
  size: STRUCTS.km_listener_key.size,
  write(key, to, at) {
    writeAddress(key.address, to, at + LISTENER_KEY.addr);
    to.writeUInt16LE(key.port, at + LISTENER_KEY.port);
  },
  read(from, at) {
    const address = readAddress(from, at + LISTENER_KEY.addr);
    const port = from.readUInt16LE(at + LISTENER_KEY.port);
    return address.includes(':') ? { family: 6, address, prefixLength: 128, port } : { family: 4, address, prefixLength: 32, port };
  },
};

const PREFIX_KEY = STRUCTS.km_prefix_key.fields;

export const prefixKey: Codec<FrontendRecordKey> = {
  size: STRUCTS.km_prefix_key.size,
  write(key, to, at) {
    const head = PREFIX_HEAD_BITS + (key.family === 4 ? MAPPED_BITS : 0);
    to.writeUInt32LE(head + key.prefixLength, at + PREFIX_KEY.prefixlen);
    to.writeUInt16BE(key.port, at + PREFIX_KEY.port);
    to.writeUInt16LE(FAMILY_NUMBER[key.family], at + PREFIX_KEY.family);
    writeAddress(key.address, to, at + PREFIX_KEY.addr);
  },
  read(from, at) {
    const family = from.readUInt16LE(at + PREFIX_KEY.family) === FAMILY_NUMBER[4] ? 4 : 6;
    const head = PREFIX_HEAD_BITS + (family === 4 ? MAPPED_BITS : 0);
    return {
      family,
      address: readAddress(from, at + PREFIX_KEY.addr),
      prefixLength: from.readUInt32LE(at + PREFIX_KEY.prefixlen) - head,
      port: from.readUInt16BE(at + PREFIX_KEY.port),
    };
  },
};

const LISTENER = STRUCTS.km_listener.fields;

export const listener: Codec<FrontendRecord> = {
  size: STRUCTS.km_listener.size,
  write(value, to, at) {
    to.writeUInt32LE(value.listenerId, at + LISTENER.listener_id);
    to.writeUInt32LE(value.target, at + LISTENER.target);
    to.writeUInt32LE(value.n, at + LISTENER.n);
    to.writeUInt32LE(value.routes, at + LISTENER.routes);
    to.writeUInt8(ENUMS.km_target_kind[value.kind], at + LISTENER.kind);
    to.writeUInt8(value.reason, at + LISTENER.reason);
  },
  read: (from, at) => ({
    listenerId: from.readUInt32LE(at + LISTENER.listener_id),
    kind: nameOf('enum km_target_kind', ENUMS.km_target_kind, from.readUInt8(at + LISTENER.kind)),
    target: from.readUInt32LE(at + LISTENER.target),
    n: from.readUInt32LE(at + LISTENER.n),
    routes: from.readUInt32LE(at + LISTENER.routes),
    reason: from.readUInt8(at + LISTENER.reason),
  }),
};

/** struct km_listener_entry: a listener at its beginning, then the lock, which user space never touches. */
export const listenerEntry: Codec<FrontendRecord> = { ...listener, size: STRUCTS.km_listener_entry.size };

const SPLIT_KEY = STRUCTS.km_split_key.fields;

export const splitKey: Codec<SplitKey> = {
  size: STRUCTS.km_split_key.size,
  write(key, to, at) {
    to.writeUInt32LE(key.splitId, at + SPLIT_KEY.split_id);
    to.writeUInt32LE(key.index, at + SPLIT_KEY.index);
  },
  read: (from, at) => ({ splitId: from.readUInt32LE(at + SPLIT_KEY.split_id), index: from.readUInt32LE(at + SPLIT_KEY.index) }),
};

const SPLIT = STRUCTS.km_split.fields;

export const split: Codec<SplitRecord> = {
  size: STRUCTS.km_split.size,
  write(value, to, at) {
    to.writeUInt32LE(value.clusterId, at + SPLIT.cluster_id);
    to.writeUInt32LE(value.aliasClusterId, at + SPLIT.alias_cluster_id);
    to.writeUInt32LE(value.threshold, at + SPLIT.threshold);
  },
  read: (from, at) => ({
    clusterId: from.readUInt32LE(at + SPLIT.cluster_id),
    aliasClusterId: from.readUInt32LE(at + SPLIT.alias_cluster_id),
    threshold: from.readUInt32LE(at + SPLIT.threshold),
  }),
};
