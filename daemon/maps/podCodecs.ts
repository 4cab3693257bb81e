// SPDX-License-Identifier: Apache-2.0
import type { Codec } from './codec.js';
import { STRUCTS } from './layout.js';

/** What became of the connections of a pod's sockets since it is in the mesh. */
export interface PodCounters {
  readonly steered: number;
  readonly passed: number;
  readonly refused: number;
}

/** Cookies of sockets and of network namespaces. */
export const cookieKey: Codec<bigint> = {
  size: 8,
  write: (cookie, to, at) => void to.writeBigUInt64LE(cookie, at),
  read: (from, at) => from.readBigUInt64LE(at),
};

const POD = STRUCTS.km_pod.fields;

/** Written once, as zeros: from then on it is the programs' own. */
export const podCounters: Codec<PodCounters, null> = {
  size: STRUCTS.km_pod.size,
  write: (_value, to, at) => void to.fill(0, at, at + STRUCTS.km_pod.size),
  read: (from, at) => ({
    steered: Number(from.readBigUInt64LE(at + POD.steered)),
    passed: Number(from.readBigUInt64LE(at + POD.passed)),
    refused: Number(from.readBigUInt64LE(at + POD.refused)),
  }),
};
