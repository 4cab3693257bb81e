// SPDX-License-Identifier: Apache-2.0
import type { ClusterRecord, EndpointRecord, SlotKey, SlotRecord } from '../diff/operations.js';
import { readAddress, writeAddress } from './address.js';
import { nameOf, type Codec } from './codec.js';
import { ENUMS, FAMILY_NUMBER, SLOT_FAMILY_SHIFT, STRUCTS } from './layout.js';

const CLUSTER = STRUCTS.km_cluster.fields;

export const cluster: Codec<ClusterRecord> = {
  size: STRUCTS.km_cluster.size,
  write(value, to, at) {
    to.writeUInt32LE(value.slots4, at + CLUSTER.slots + 4 * FAMILY_NUMBER[4]);
    to.writeUInt32LE(value.slots6, at + CLUSTER.slots + 4 * FAMILY_NUMBER[6]);
    to.writeUInt32LE(value.maxConnections, at + CLUSTER.max_connections);
    to.writeUInt8(ENUMS.km_cluster_kind[value.kind], at + CLUSTER.kind);
    to.writeUInt8(ENUMS.km_lb_policy[value.lb], at + CLUSTER.lb);
    to.writeUInt8(value.reason, at + CLUSTER.reason);
    to.writeUInt8(value.panic ? 1 : 0, at + CLUSTER.panic);
  },
  read: (from, at) => ({
    slots4: from.readUInt32LE(at + CLUSTER.slots + 4 * FAMILY_NUMBER[4]),
    slots6: from.readUInt32LE(at + CLUSTER.slots + 4 * FAMILY_NUMBER[6]),
    maxConnections: from.readUInt32LE(at + CLUSTER.max_connections),
    kind: nameOf('enum km_cluster_kind', ENUMS.km_cluster_kind, from.readUInt8(at + CLUSTER.kind)),
    lb: nameOf('enum km_lb_policy', ENUMS.km_lb_policy, from.readUInt8(at + CLUSTER.lb)),
    reason: from.readUInt8(at + CLUSTER.reason),
    panic: from.readUInt8(at + CLUSTER.panic) !== 0,
  }),
};

const SLOT_KEY = STRUCTS.km_slot_key.fields;
const SLOT_INDEX_MASK = 2 ** SLOT_FAMILY_SHIFT - 1;

export const slotKey: Codec<SlotKey> = {
  size: STRUCTS.km_slot_key.size,
  write(key, to, at) {
    if (key.index > SLOT_INDEX_MASK) throw new RangeError(`slot ${key.index} of cluster ${key.clusterId}: the index has 31 bits`);
    to.writeUInt32LE(key.clusterId, at + SLOT_KEY.cluster_id);
    to.writeUInt32LE(key.index + FAMILY_NUMBER[key.family] * 2 ** SLOT_FAMILY_SHIFT, at + SLOT_KEY.index);
  },
  read(from, at) {
    const index = from.readUInt32LE(at + SLOT_KEY.index);
    return {
      clusterId: from.readUInt32LE(at + SLOT_KEY.cluster_id),
      family: index > SLOT_INDEX_MASK ? 6 : 4,
      index: index & SLOT_INDEX_MASK,
    };
  },
};

const ENDPOINT = STRUCTS.km_endpoint.fields;

const endpoint: Codec<EndpointRecord> = {
  size: STRUCTS.km_endpoint.size,
  write(value, to, at) {
    writeAddress(value.address, to, at + ENDPOINT.addr);
    to.writeUInt16LE(value.port, at + ENDPOINT.port);
    to.writeUInt32LE(value.endpointId, at + ENDPOINT.endpoint_id);
  },
  read: (from, at) => ({
    address: readAddress(from, at + ENDPOINT.addr),
    port: from.readUInt16LE(at + ENDPOINT.port),
    endpointId: from.readUInt32LE(at + ENDPOINT.endpoint_id),
  }),
};

const SLOT = STRUCTS.km_slot.fields;

export const slot: Codec<SlotRecord> = {
  size: STRUCTS.km_slot.size,
  write(value, to, at) {
    endpoint.write(value.primary, to, at + SLOT.primary);
    // Equal weights, the usual case: both are the same endpoint.
    if (value.alias === value.primary) to.copy(to, at + SLOT.alias, at + SLOT.primary, at + SLOT.primary + endpoint.size);
    else endpoint.write(value.alias, to, at + SLOT.alias);
    to.writeUInt32LE(value.threshold, at + SLOT.threshold);
  },
  read: (from, at) => ({
    primary: endpoint.read(from, at + SLOT.primary),
    alias: endpoint.read(from, at + SLOT.alias),
    threshold: from.readUInt32LE(at + SLOT.threshold),
  }),
};
